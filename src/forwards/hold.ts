import { Follower, orAborted } from "../abort.ts";
import type { Note } from "../report/note.ts";
import type { CarriedForward } from "../table/decision.ts";
import type { Listening } from "./bind.ts";
import type { Carry, LookUp, OpenSession } from "./carry.ts";
import type { DomainOptions } from "./domain.ts";
import { listenOnPath } from "./listen_path.ts";
import { listenOnPort } from "./listen_port.ts";
import { lastLegNote } from "./plan.ts";
import { isUnguarded, lookAtPath } from "./probe.ts";
import { reasonOf } from "./reason.ts";
import { SocketTables } from "./socket_tables.ts";
import { type Standing, type State, standingHint, standingText } from "./state.ts";
import { Traffic } from "./traffic.ts";
import { Surroundings } from "./unless.ts";

export interface HoldOptions extends DomainOptions {
  /** Opens the connections from the server. */
  readonly carry: Carry;
  /** Opens the sessions of forwards that lead to a METHOD. */
  readonly open: OpenSession;
  /** For `unless.reachable`. */
  readonly lookUp: LookUp;
  /** Our own uid: whose connections are carried. */
  readonly uid: number;
  /** What the server is called, SERVER of the call first. */
  readonly names: readonly [string, ...string[]];
  readonly note: Note;
  /** Aborted to give up: the promise then rejects with its reason, and nothing is held. Not heeded afterwards. */
  readonly signal: AbortSignal;
  /** Milliseconds between attempts to get a place that is taken, as by another preauth that will end. Default: never. */
  readonly retry?: number;
  /** Default: this system's. */
  readonly tables?: SocketTables;
}

/** Forwards that are held by this process. */
export interface Held {
  /** Every forward of the plan, in its order, as it stands now. */
  readonly standings: readonly Standing[];
  /** Connections that are open, on all forwards. */
  readonly connections: number;
  /** The same of one of them. */
  connectionsOn(forward: CarriedForward): number;
  /** Resolves when no connection is open. */
  idle(): Promise<void>;
  /** Gives up the ports and sockets, for others to take; open connections go on. */
  stopListening(): void;
  /** Gives up everything at once. */
  close(): void;
}

/**
 * Brings forwards up, each on its own: what holds it back, then who has its place, then listening; the log says how
 * each one stands. Throws nothing but the signal's reason: a forward that fails is a state, for mail goes on without.
 */
export async function holdForwards(plan: readonly CarriedForward[], options: HoldOptions): Promise<Held> {
  options.signal.throwIfAborted();
  const forwards = new HeldForwards(options);
  try {
    await orAborted(forwards.settle(plan), options.signal);
  } catch (error) {
    forwards.close();
    throw error;
  }
  return forwards;
}

/** One for all forwards of this process: its tables are read once at a time, however many are flooded. */
const SYSTEM = new SocketTables();

class HeldForwards implements Held {
  standings: readonly Standing[] = [];
  readonly #options: HoldOptions;
  readonly #tables: SocketTables;
  readonly #traffic: Traffic;
  readonly #listening = new Set<Listening>();
  #timer: NodeJS.Timeout | undefined;
  #isOver = false;

  constructor(options: HoldOptions) {
    this.#options = options;
    this.#tables = options.tables ?? SYSTEM;
    this.#traffic = new Traffic({ ...options, tables: this.#tables });
  }

  get connections(): number {
    return this.#traffic.connections;
  }

  connectionsOn(forward: CarriedForward): number {
    return this.#traffic.connectionsOn(forward);
  }

  idle(): Promise<void> {
    return this.#traffic.idle();
  }

  stopListening(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
    for (const listening of this.#listening) listening.close();
    this.#listening.clear();
  }

  close(): void {
    this.stopListening();
    this.#traffic.close();
  }

  async settle(plan: readonly CarriedForward[]): Promise<void> {
    const ends = new Follower(this.#options.signal);
    const surroundings = new Surroundings({ ...this.#options, signal: ends.signal });
    this.standings = await Promise.all(plan.map((forward) => this.#bringUp(forward, surroundings)));
    // Programs that were asked for the domain, and are not needed any more.
    ends.release();
    ends.abort();
    this.#schedule();
  }

  async #bringUp(forward: CarriedForward, surroundings: Surroundings): Promise<Standing> {
    const by = await surroundings.hindrance(forward);
    const state: State = by === undefined ? await this.#attempt(forward) : { kind: "withheld", by };
    this.#report({ forward, state });
    return { forward, state };
  }

  /** What nobody has thought of is the end of one forward only: mail goes on. */
  #attempt(forward: CarriedForward): Promise<State> {
    return this.#listen(forward).catch((error) => ({ kind: "failed", why: reasonOf(error) }));
  }

  async #listen(forward: CarriedForward): Promise<State> {
    const { listen, allow } = forward;
    const options = { tables: this.#tables, uid: this.#options.uid };
    const mode = allow === "any-user" ? 0o666 : 0o600;
    if (await isUnguarded(forward, this.#tables)) return { kind: "unguarded" };
    const outcome =
      typeof listen === "number"
        ? await listenOnPort(listen, options, (socket) => this.#traffic.accept(forward, socket))
        : await listenOnPath(listen, { ...options, mode }, (socket) => this.#traffic.accept(forward, socket));
    if (outcome.kind !== "held") return outcome;
    if (this.#isOver) outcome.listening.close();
    else this.#listening.add(outcome.listening);
    const { second } = outcome;
    return { kind: "held", second, isUnchecked: second !== undefined && !this.#tables.exist };
  }

  #report(standing: Standing): void {
    if (this.#isOver) return;
    const { forward, state } = standing;
    const hint = standingHint(standing);
    const note = state.kind === "held" ? lastLegNote(forward, this.#options.names) : undefined;
    const lines = [standingText(standing), hint === undefined ? undefined : `hint: ${hint}`, note];
    for (const line of lines) {
      if (line !== undefined) this.#options.note(`forward "${forward.name}": ${line}`);
    }
  }

  #schedule(): void {
    const { retry } = this.#options;
    if (retry === undefined || this.#isOver || !this.standings.some(isTaken)) return;
    this.#timer = setTimeout(() => void this.#retry(), retry);
  }

  /** Asks again for what was taken; says so only where it has become ours. */
  async #retry(): Promise<void> {
    const again = async (standing: Standing): Promise<Standing> => {
      const { forward } = standing;
      if (!isTaken(standing) || !(await this.#isWorthATry(forward))) return standing;
      const next = { forward, state: await this.#attempt(forward) };
      if (next.state.kind === "held") this.#report(next);
      return next;
    };
    this.standings = await Promise.all(this.standings.map(again));
    this.#schedule();
  }

  /** To ask who listens at a socket file is a connection through its holder: it is waited for until it is gone. */
  async #isWorthATry({ listen }: CarriedForward): Promise<boolean> {
    return typeof listen === "number" || (await lookAtPath(listen, this.#options.uid)).kind === "free";
  }
}

function isTaken({ state }: Standing): boolean {
  return state.kind === "taken";
}
