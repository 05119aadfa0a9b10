import type { Duplex } from "node:stream";
import type { ConnectionStatus } from "../control/protocol.ts";
import type { Carry } from "../forwards/carry.ts";
import { Progress } from "../progress.ts";
import type { Note } from "../report/note.ts";
import { Logins, SESSION_SILENCE_MS } from "../second_chances.ts";
import { type Liveness, watched } from "../ssh/liveness.ts";
import type { Decision } from "../table/decision.ts";
import type { World } from "../world.ts";
import { type Connected, openConnection, takeLeave } from "./opening.ts";
import { startingNow } from "./own_sessions.ts";

/** A connection, and the watch over it. */
interface Watched extends Connected {
  readonly liveness: Liveness;
  /** Milliseconds since 1970. */
  readonly since: number;
}

/** A connection for what is carried to places, made when it is wanted, and again when it was lost. */
export class OwnConnection {
  readonly #world: World;
  readonly #decision: Decision;
  readonly #note: Note;
  readonly #over: AbortSignal;
  #connecting: Promise<Watched> | undefined;
  #current: Watched | undefined;

  /** `over` is aborted when nobody wants it any more. */
  constructor(world: World, decision: Decision, note: Note, over: AbortSignal) {
    this.#world = world;
    this.#decision = decision;
    this.#note = note;
    this.#over = over;
  }

  /** The connection as it is, made where there is none. Throws a Failure. */
  connected(): Promise<Connected> {
    return this.#get();
  }

  readonly carry: Carry = async (to, origin): Promise<Duplex> => {
    let current = await this.#get();
    // After a sleep, or where the network has gone: one that says nothing is not waited for.
    if (!current.liveness.isFresh && (await current.liveness.silentFor(SESSION_SILENCE_MS, this.#over))) {
      current.connection.abandon("not a byte from the server when it was wanted");
      this.#forget(current);
      current = await this.#get();
    }
    return current.connection.forward(to, origin);
  };

  /** How it stands; undefined where there is none. `until` is when it will be closed. */
  status(until: ConnectionStatus["until"]): ConnectionStatus | undefined {
    if (this.#current === undefined) return undefined;
    const { target, connection, liveness, since } = this.#current;
    return {
      ...{ server: this.#decision.server, user: target.user.value, since, until },
      destination: `${target.host.value}:${target.port.value}`,
      ...{ sessions: 0, spare: 0, roundTrip: liveness.roundTrip },
      ...{ bytesReceived: connection.received, bytesSent: connection.sent },
    };
  }

  async leave(): Promise<void> {
    const connected = await this.#connecting?.catch(() => undefined);
    if (connected !== undefined) await takeLeave(connected.connection);
  }

  #get(): Promise<Watched> {
    this.#connecting ??= this.#connect();
    return this.#connecting;
  }

  async #connect(): Promise<Watched> {
    try {
      const connected = await openConnection(this.#decision, {
        ...{ world: startingNow(this.#world), note: this.#note, progress: new Progress() },
        ...{ broken: this.#over, purpose: "forwards", logins: new Logins() },
        onRemark: (line) => this.#note(`said: ${line}`),
      });
      return this.#watch(connected);
    } catch (error) {
      this.#connecting = undefined;
      throw error;
    }
  }

  #watch(connected: Connected): Watched {
    const { connection, target } = connected;
    const liveness = watched(connection, target.watching.value);
    const current = { ...connected, liveness, since: Date.now() };
    this.#current = current;
    void connection.closed.then(() => {
      liveness.stop();
      this.#forget(current);
    });
    return current;
  }

  #forget(lost: Watched): void {
    if (this.#current !== lost) return;
    this.#current = undefined;
    this.#connecting = undefined;
  }
}
