import { bounded, Follower } from "../abort.ts";
import type { Endpoint, Forward } from "../table/table.ts";
import type { LookUp } from "./carry.ts";
import { type DomainOptions, isWithin, type OwnDomain, ownDomains } from "./domain.ts";
import { firstFound } from "./first_found.ts";
import { endpointText } from "./plan.ts";
import { isReachable } from "./reach.ts";

/** What holds a forward back: the two tests of `unless`. */
export type Hindrance =
  | { readonly kind: "domain"; readonly own: OwnDomain; readonly home: string }
  | { readonly kind: "reachable"; readonly endpoint: Endpoint };

/** Milliseconds that this machine may take to tell its domain, or a target to take a connection. */
const LIMIT = 1000;

export interface SurroundingsOptions extends DomainOptions {
  readonly lookUp: LookUp;
}

/** Where this machine is, as far as `unless` asks. Its domain is found out at most once. */
export class Surroundings {
  readonly #options: SurroundingsOptions;
  #domains: readonly Promise<readonly OwnDomain[]>[] | undefined;

  constructor(options: SurroundingsOptions) {
    this.#options = options;
  }

  /**
   * What holds a forward back; undefined for nothing. Both tests run at once, for 1 s at most, and the first that holds
   * it back ends the other. Rejects with the signal's reason only.
   */
  async hindrance({ unless }: Forward): Promise<Hindrance | undefined> {
    const { signal } = this.#options;
    signal.throwIfAborted();
    const ends = new Follower(signal);
    const tests = [
      this.#domainHindrance(unless.domain),
      this.#reachableHindrance(unless.reachable, ends.signal),
    ];
    const found = await firstFound(tests);
    ends.release();
    ends.abort();
    signal.throwIfAborted();
    return found;
  }

  /** The one of `homes` that this machine is in, if any. Connects to nothing. */
  #domainHindrance(homes: readonly string[] = []): Promise<Hindrance | undefined> {
    if (homes.length === 0) return Promise.resolve(undefined);
    this.#domains ??= this.#askDomains();
    return firstFound(this.#domains.map((said) => said.then((own) => match(own, homes))));
  }

  /**
   * Whether what tells that this machine is in one of `homes`, or would tell it, is resolv.conf alone: no program knows
   * a domain, or none knows one of these. A network that hands out addresses has its own domain written there. With the
   * hindrance, if any. Connects to nothing.
   */
  async domainVerdict(
    homes: readonly string[] = [],
  ): Promise<{ readonly by: Hindrance | undefined; readonly isHearsay: boolean }> {
    if (homes.length === 0) return { by: undefined, isHearsay: false };
    this.#domains ??= this.#askDomains();
    const said = (await Promise.all(this.#domains)).flat();
    const known = said.filter(({ source }) => !isFile(source));
    const sure = match(known, homes);
    const by = sure ?? match(said, homes);
    return { by, isHearsay: sure === undefined && (by !== undefined || known.length === 0) };
  }

  #askDomains(): readonly Promise<readonly OwnDomain[]>[] {
    const ends = new Follower(this.#options.signal);
    const timer = setTimeout(() => ends.abort(), LIMIT);
    const asked = ownDomains({ ...this.#options, signal: ends.signal });
    void Promise.all(asked).finally(() => {
      clearTimeout(timer);
      ends.release();
    });
    return asked;
  }

  async #reachableHindrance(
    endpoint: Endpoint | undefined,
    signal: AbortSignal,
  ): Promise<Hindrance | undefined> {
    if (endpoint === undefined) return undefined;
    const { lookUp } = this.#options;
    const isReached = await bounded(LIMIT, signal, (bound) => isReachable(endpoint, lookUp, bound));
    return isReached ? { kind: "reachable", endpoint } : undefined;
  }
}

/** resolv.conf has a path for its source; the programs have their names. */
function isFile(source: string): boolean {
  return source.startsWith("/");
}

function match(own: readonly OwnDomain[], homes: readonly string[]): Hindrance | undefined {
  for (const one of own) {
    const home = homes.find((home) => isWithin(one.domain, home));
    if (home !== undefined) return { kind: "domain", own: one, home };
  }
  return undefined;
}

/** A hindrance in words that go after "not opened: ". */
export function hindranceText(hindrance: Hindrance): string {
  if (hindrance.kind === "reachable") return `${endpointText(hindrance.endpoint)} can be reached directly`;
  const { own, home } = hindrance;
  return `at home in "${home}": ${own.source} says "${own.domain}"`;
}
