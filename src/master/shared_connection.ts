import { Follower } from "../abort.ts";
import type { ConnectionStatus } from "../control/protocol.ts";
import { Failure, fromParts, partsOf } from "../failure.ts";
import { SESSION_SILENCE_MS } from "../second_chances.ts";
import {
  type Connected,
  type OpeningOptions,
  type Started,
  startSession,
  takeLeave,
} from "../session/opening.ts";
import type { RemoteCommand } from "../ssh/channel/remote_command.ts";
import { type Connection, SessionRefusal } from "../ssh/connection.ts";
import { type Liveness, watched } from "../ssh/liveness.ts";
import { PasswordChange } from "../ssh/login/password_change.ts";
import type { Decision } from "../table/decision.ts";
import type { Endpoint } from "../table/table.ts";
import type { Target } from "../target/target.ts";

/** Why a connection could not take a session, where another one might. */
export type Unavailable =
  /** MaxSessions of sshd_config(5). */
  | { readonly kind: "full" }
  /** It does not answer; whether it is dead remains to be seen. */
  | { readonly kind: "silent" }
  | { readonly kind: "lost" }
  /** The session that was open already was closed by the server when its command came. */
  | { readonly kind: "stale" };

/** One SSH connection that carries the sessions of several callers. */
export class SharedConnection {
  readonly since = Date.now();
  readonly target: Target;
  readonly connection: Connection;
  readonly liveness: Liveness;
  readonly #onChange: () => void;
  /** Sessions that are open. */
  #sessions = 0;
  /** Sessions that are being opened. */
  #opening = 0;
  /** Sessions that have been opened so far. */
  #started = 0;
  /** Commands that the server has not answered yet, and who waits for it to answer all of them. */
  #asked = 0;
  readonly #waiting: (() => void)[] = [];
  #isFull = false;
  #isStopped = false;
  #isOver = false;
  #reason = "";

  /** `onChange` is called when a session or the connection has ended. */
  constructor({ connection, target }: Connected, onChange: () => void) {
    this.target = target;
    this.connection = connection;
    this.#onChange = onChange;
    this.liveness = watched(connection, target.watching.value);
    void connection.closed.then((reason) => {
      this.#isOver = true;
      this.#reason = reason;
      this.liveness.stop();
      onChange();
    });
  }

  /** Whether it was ended because somebody wanted that. */
  get isStopped(): boolean {
    return this.#isStopped;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Why it has ended; empty as long as it has not. */
  get reason(): string {
    return this.#reason;
  }

  /** Whether a session may be tried on it. */
  get isUsable(): boolean {
    return !this.#isOver && !this.#isStopped && !this.#isFull && !this.liveness.isSilent;
  }

  /** Sessions that are open or being opened. */
  get sessions(): number {
    return this.#sessions + this.#opening;
  }

  /**
   * Starts a session. What it gives instead of one is no failure of the server's command: another connection may do.
   * Throws a Failure, or the signal's reason. `onBusy` is called, once, when it waits behind the bytes of others.
   */
  async open(
    decision: Decision,
    line: string | undefined,
    options: Pick<OpeningOptions, "progress" | "onRemark">,
    signal: AbortSignal,
    onBusy: () => void = () => {},
  ): Promise<Started | Unavailable> {
    const attempt = new Follower(signal);
    this.#opening++;
    const done = this.connection.makeWay();
    // The command that is started first of all takes it.
    const isAhead = line !== undefined && this.connection.hasAhead;
    try {
      void this.#watch(attempt);
      this.liveness.whenBusy(attempt.signal, onBusy);
      const started = await startSession(decision, line, this, options, attempt.signal);
      // For the round-trip time, which --status shows.
      if (this.liveness.roundTrip === undefined) this.liveness.probe();
      return started;
    } catch (error) {
      // Of several that are asked for at once the refusals come first, before any command has been started.
      if (error instanceof SessionRefusal) await this.#allAnswered();
      // The server asks it of this connection until its end, whatever the password is meanwhile.
      if (error instanceof PasswordChange) void this.stop();
      return this.#unavailable(error, isAhead, decision.server);
    } finally {
      this.#opening--;
      done();
      attempt.release();
      attempt.abort(DONE);
    }
  }

  /** As connection.exec(), and counted. */
  async exec(line: string, options: { readonly signal: AbortSignal }): Promise<RemoteCommand> {
    this.#asked++;
    try {
      const remote = await this.connection.exec(line, options);
      // Before those are woken who wait to know it.
      this.#started++;
      return this.#counted(remote);
    } finally {
      this.#answered();
    }
  }

  /** As connection.reach(), and counted; a server with MaxSessions counts it not. */
  async reach(to: Endpoint, options: { readonly signal: AbortSignal }): Promise<RemoteCommand> {
    return this.#counted(await this.connection.reach(to, options));
  }

  /** Takes leave of the server; resolves when the connection has ended. */
  stop(): Promise<void> {
    this.#isStopped = true;
    return takeLeave(this.connection);
  }

  /** Opens the next session; not behind the first: a server may not bear a second one, which is for a caller to ask for. */
  openAhead(): void {
    if (this.#started > 1) this.connection.openAhead();
  }

  status(server: string, spare: number, until: number | "forever" | undefined): ConnectionStatus {
    const { host, port, user } = this.target;
    return {
      server,
      destination: `${host.value}:${port.value}`,
      user: user.value,
      sessions: this.#sessions - spare,
      spare,
      bytesReceived: this.connection.received,
      bytesSent: this.connection.sent,
      roundTrip: this.liveness.roundTrip,
      since: this.since,
      until,
    };
  }

  #counted(remote: RemoteCommand): RemoteCommand {
    this.#sessions++;
    void remote.ended.then(() => {
      this.#sessions--;
      this.#isFull = false;
      this.#onChange();
    });
    return remote;
  }

  #answered(): void {
    this.#asked--;
    if (this.#asked === 0) for (const resolve of this.#waiting.splice(0)) resolve();
  }

  #allAnswered(): Promise<void> {
    if (this.#asked === 0) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  async #watch(attempt: AbortController): Promise<void> {
    if (await this.liveness.silentFor(SESSION_SILENCE_MS, attempt.signal)) attempt.abort(SILENT);
  }

  #unavailable(error: unknown, isAhead: boolean, server: string): Unavailable {
    if (error === SILENT) return { kind: "silent" };
    // A server that has never opened one would not on another connection either.
    if (error instanceof SessionRefusal && this.#started > 0) {
      this.#isFull = true;
      return { kind: "full" };
    }
    if (this.#isOver && error instanceof Failure && error.trouble !== "gone") return { kind: "lost" };
    if (isAhead && error instanceof Failure && error.trouble === "lost") return { kind: "stale" };
    // It is called for the SERVER that it was made for, and the failure is another one's.
    if (error instanceof SessionRefusal || !(error instanceof Failure)) throw error;
    throw fromParts({ ...partsOf(error), subject: server });
  }
}

const DONE = new Error("done");
const SILENT = new Error("silent");

/** Whether a session came of it. */
export function isStarted(outcome: Started | Unavailable): outcome is Started {
  return "remote" in outcome;
}
