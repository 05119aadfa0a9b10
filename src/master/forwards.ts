import type { Duplex } from "node:stream";
import type { ForwardStatus } from "../control/protocol.ts";
import type { Carry, Originator } from "../forwards/carry.ts";
import type { Held } from "../forwards/hold.ts";
import { leadsTo } from "../forwards/plan.ts";
import { occupantStatus, standingText } from "../forwards/state.ts";
import type { Note } from "../report/note.ts";
import { type Carrier, holdForwardsOver } from "../session/carrier.ts";
import { proven } from "../session/keep_forwards.ts";
import type { Started } from "../session/opening.ts";
import { callOf } from "../session/own_sessions.ts";
import { orExpiredPassword } from "../session/refused_port.ts";
import { SessionStream } from "../session/session_stream.ts";
import { Prohibition } from "../ssh/connection.ts";
import type { Decision } from "../table/decision.ts";
import type { Endpoint, Forward } from "../table/table.ts";
import type { Target } from "../target/target.ts";
import type { World } from "../world.ts";
import type { SharedConnection } from "./shared_connection.ts";

/** How often a port that another process or connection holds is asked for again (milliseconds). */
const RETRY_MS = 1_000;

/** How long a connection to a forward may wait for a connection to the server (milliseconds). */
const CARRY_MS = 15_000;

/** Opens a session as any call would, for nobody who called; aborted when it is wanted no more. */
export type OwnSession = (decision: Decision, signal: AbortSignal) => Promise<Started>;

/** The forwards that the calls of one share have brought up. They stay until it ends, whoever has wanted them. */
export class Forwards {
  readonly #note: Note;
  readonly #connection: (signal: AbortSignal) => Promise<SharedConnection>;
  readonly #session: OwnSession;
  readonly #onUse: () => void;
  readonly #over = new AbortController();
  /** By the place where each listens. */
  readonly #holding = new Map<number | string, Promise<Held>>();
  readonly #held: Held[] = [];

  constructor(
    note: Note,
    connection: (signal: AbortSignal) => Promise<SharedConnection>,
    session: OwnSession,
    onUse: () => void,
  ) {
    this.#note = note;
    this.#connection = connection;
    this.#session = session;
    this.#onUse = onUse;
  }

  /** Connections that use them. */
  get connections(): number {
    return this.#held.reduce((sum, { connections }) => sum + connections, 0);
  }

  /** Calls `listener` once no connection uses them, if any does. */
  onceIdle(listener: () => void): void {
    if (this.connections > 0) void Promise.all(this.#held.map((held) => held.idle())).then(listener);
  }

  /** Brings up those of a decision that are not up, beside what else is done. Never throws. */
  bringUp(decision: Decision, world: World, target: Target): void {
    this.#forgetWithheld();
    const missing = decision.forwards.filter(({ listen }) => !this.#holding.has(listen));
    for (const forward of missing) {
      const { server } = decision;
      const holding = holdForwardsOver(
        { target, ...this.#carrier(decision) },
        world,
        { ...decision, forwards: [forward] },
        { note: (line) => this.#note(`${server}: ${line}`), signal: this.#over.signal, retry: RETRY_MS },
      );
      this.#holding.set(forward.listen, holding);
      holding.then(
        (held) => void this.#held.push(held),
        () => {},
      );
    }
  }

  /** Brings them up, and gives a line for each that answers through. Throws a Failure for the first that does not. */
  async prove(
    decision: Decision,
    world: World,
    target: Target,
    signal: AbortSignal,
  ): Promise<readonly string[]> {
    this.bringUp(decision, world, target);
    const held = await Promise.all(
      decision.forwards.map(async (forward) => {
        // As it was brought up, which the table may have changed since.
        return (await this.#holding.get(forward.listen))?.standings ?? [];
      }),
    );
    const carry: Carry = (to, origin) =>
      this.#carry(to, origin).catch((error: unknown) => this.#forbidden(error, signal));
    return proven({ standings: held.flat() }, decision, { ...this.#carrier(decision), carry }, signal);
  }

  /** Throws why there is no connection. What the server says of a password holds for this connection to its end. */
  async #forbidden(error: unknown, signal: AbortSignal): Promise<never> {
    if (!(error instanceof Prohibition)) throw error;
    const shared = await this.#connection(signal);
    const reason = await orExpiredPassword(error, shared, signal);
    if (reason !== error) void shared.stop();
    throw reason;
  }

  /** `own` is this process. */
  status(server: string, own: Pick<World, "pid" | "uid">): readonly ForwardStatus[] {
    return this.#held.flatMap((held) => statusOf(held, server, own));
  }

  close(): void {
    this.#over.abort(new Error("closed"));
    for (const held of this.#held) held.close();
  }

  /** What `unless` held back is looked at again with each call: a laptop leaves home with its connections. */
  #forgetWithheld(): void {
    for (const held of [...this.#held]) {
      const [standing] = held.standings;
      if (standing?.state.kind !== "withheld") continue;
      held.close();
      this.#held.splice(this.#held.indexOf(held), 1);
      this.#holding.delete(standing.forward.listen);
    }
  }

  #carrier(decision: Decision): Pick<Carrier, "carry" | "open"> {
    return {
      carry: (to, origin) => this.#carry(to, origin),
      open: async (forward, signal) => {
        const call = callOf(decision, forward);
        const onRemark = (line: string): void => this.#note(`${call.server}: said: ${line}`);
        return new SessionStream(await this.#session(call, signal), call, onRemark);
      },
    };
  }

  async #carry(to: Endpoint, origin: Originator): Promise<Duplex> {
    this.#onUse();
    const { connection } = await this.#connection(AbortSignal.timeout(CARRY_MS));
    return connection.forward(to, origin);
  }
}

/** How each of them stands; `own` is this process. */
export function statusOf(
  held: Pick<Held, "standings" | "connectionsOn">,
  server: string,
  own: Pick<World, "pid" | "uid">,
): readonly ForwardStatus[] {
  return held.standings.map((standing) => ({
    ...shown(standing.forward),
    server,
    state: standingText(standing),
    owner: occupantStatus(standing, { pid: own.pid, uid: own.uid }),
    open: held.connectionsOn(standing.forward),
  }));
}

/** Connections that lead to places: those to a METHOD are sessions. */
export function carriedOn(forwards: readonly ForwardStatus[]): number {
  return forwards.reduce((sum, { open, method }) => sum + (method === undefined ? open : 0), 0);
}

function shown(forward: Forward): Pick<ForwardStatus, "name" | "listen" | "to" | "method"> {
  const { name, listen, method } = forward;
  return { name, listen, to: leadsTo(forward), ...(method !== undefined && { method }) };
}
