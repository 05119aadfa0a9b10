import type { ConnectionStatus, ForwardStatus } from "../control/protocol.ts";
import { Progress } from "../progress.ts";
import type { Note } from "../report/note.ts";
import { Logins } from "../second_chances.ts";
import { inTime } from "../session/deadline.ts";
import { withoutFlood } from "../session/flood.ts";
import type { OpeningOptions } from "../session/opening.ts";
import { startingNow } from "../session/own_sessions.ts";
import type { Decision } from "../table/decision.ts";
import type { Persist } from "../table/table.ts";
import { Connections } from "./connections.ts";
import { Forwards } from "./forwards.ts";
import { Lifetime, longest } from "./lifetime.ts";
import { startSomewhere } from "./second_way.ts";
import { SpareKeeper } from "./spare.ts";
import type { Placed } from "./spare_command.ts";

/** Milliseconds after a call in which nothing is begun for later ones: the processors are its caller's and its server's. */
const QUIET_MS = 20;

/** Everything that the callers of one shareKey() share: connections, forwards, the spare mailbox, and until when. */
export class Share {
  readonly #note: Note;
  readonly #onRetired: () => void;
  readonly #connections: Connections;
  readonly #forwards: Forwards;
  readonly #spares: SpareKeeper;
  /** The latest caller's, for connections that are made when nobody calls. */
  #latest: { readonly decision: Decision; readonly options: OpeningOptions };
  /** SERVER of every call it has served. */
  readonly #names = new Set<string>();
  /** How long the table lets a connection stay after the last mail call for a SERVER. */
  readonly #persists = new Map<string, Persist>();
  /** Callers that are being served. */
  #served = 0;
  readonly #stay: Lifetime;
  #isOver = false;
  #isStopped = false;

  /** Resolves when it is over and its connections have been closed. */
  readonly left: Promise<void>;
  #leave: () => void = () => {};

  /** `onRetired` is called when no further call may join it. */
  constructor(decision: Decision, options: OpeningOptions, note: Note, onRetired: () => void) {
    this.#latest = { decision, options };
    this.#note = note;
    this.#onRetired = onRetired;
    this.#connections = new Connections(note, () => this.#changed());
    this.left = new Promise((resolve) => {
      this.#leave = resolve;
    });
    this.#forwards = new Forwards(
      note,
      (signal) => this.#connections.get(this.#latest.decision, this.#ownOptions(signal), signal),
      (decision, signal) => this.session(decision, this.#ownOptions(signal)),
      () => {
        this.#stay.use();
        this.#changed();
      },
    );
    this.#stay = new Lifetime(
      () => this.#isIdle,
      () => this.#close(),
    );
    this.#spares = new SpareKeeper(
      note,
      (decision, options, signal) => this.#start(decision, options, signal),
      () => this.#changed(),
    );
  }

  /** Whether somebody has ended it at once: whoever still waits is to be served by another one. */
  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** Whether it has ended, mostly by itself: its first login has failed, or nobody has used it. */
  get isOver(): boolean {
    return this.#isOver;
  }

  get server(): string {
    return this.#latest.decision.server;
  }

  /** Whether a call for this SERVER would have joined it. */
  isFor(server: string): boolean {
    return this.#names.has(server.toLowerCase());
  }

  /** Sessions that callers have. */
  get sessions(): number {
    return this.#connections.all.reduce((sum, { sessions }) => sum + sessions, 0) - this.#spares.count;
  }

  /** Opens a session within the decision's deadline. Throws a Failure. */
  session(decision: Decision, options: OpeningOptions): Promise<Placed> {
    return this.#serve(decision, options, async () => {
      const spare = this.#spares.take(decision, options, (signal) => this.#start(decision, options, signal));
      if (spare === undefined) options.progress.begin("command", "looking for a command");
      return spare ?? (await inTime(decision, options, (signal) => this.#start(decision, options, signal)));
    });
  }

  /**
   * Sees to it that there is a connection, with a person who can be asked: nobody else waits for them to type. False
   * when there was one already. Throws a Failure.
   */
  login(decision: Decision, options: OpeningOptions): Promise<boolean> {
    return this.#serve(decision, options, async () => {
      if (this.#connections.usable !== undefined) return false;
      await this.#connections.make(decision, options);
      return true;
    });
  }

  /** Brings up forwards, as `proven` does, and keeps them for `time`. Throws a Failure. */
  async forward(decision: Decision, options: OpeningOptions, time: Persist): Promise<readonly string[]> {
    this.#enter(decision, options);
    this.#served++;
    this.#stay.use();
    try {
      const { target } = await inTime(decision, options, (signal) =>
        this.#connections.get(decision, options, signal),
      );
      const lines = await this.#forwards.prove(decision, options.world, target, options.broken);
      this.#stay.extend(time);
      return lines;
    } finally {
      this.#served--;
      this.#changed();
    }
  }

  /** Ends when the sessions have ended, without waiting for its time; or `now`. */
  stop(now: boolean): void {
    this.#onRetired();
    this.#stay.cut();
    if (now) {
      this.#isStopped = true;
      this.#close();
    } else this.#changed();
  }

  /** Calls for its SERVER will come with this decision from now on. */
  heed(decision: Decision): void {
    this.#spares.forgetOld(decision);
  }

  /** The table leads no call here any more: no mailbox is kept open for one, and only what was promised keeps it up. */
  retire(): void {
    if (this.#isOver) return;
    this.#onRetired();
    this.#spares.close();
    this.#stay.lapse();
    this.#changed();
  }

  status(): {
    readonly connections: readonly ConnectionStatus[];
    readonly forwards: readonly ForwardStatus[];
  } {
    const { until } = this.#stay;
    const connections = this.#connections.all.map((connection) =>
      connection.status(this.server, this.#spares.countOn(connection), until),
    );
    return { connections, forwards: this.#forwards.status(this.server, this.#latest.options.world) };
  }

  get #isIdle(): boolean {
    return this.#served === 0 && this.sessions === 0 && this.#forwards.connections === 0;
  }

  async #serve<T>(decision: Decision, options: OpeningOptions, work: () => Promise<T>): Promise<T> {
    this.#enter(decision, options);
    this.#persists.set(decision.server.toLowerCase(), decision.persist.value);
    this.#stay.persist = longest([...this.#persists.values()]);
    this.#served++;
    this.#stay.use();
    try {
      const done = await work();
      this.#openAhead();
      setTimeout(() => this.#prepare(decision, options), QUIET_MS);
      return done;
    } finally {
      this.#served--;
      this.#changed();
    }
  }

  /** What calls after this one will want. */
  #prepare(decision: Decision, options: OpeningOptions): void {
    if (this.#isOver) return;
    const { alive } = this.#connections;
    if (alive !== undefined) this.#forwards.bringUp(decision, options.world, alive.target);
    this.#spares.want(decision, options);
    // A spare mailbox takes the session that is open already, if there is one.
    this.#openAhead();
  }

  /** Opens the next session, behind whatever is being said. */
  #openAhead(): void {
    setImmediate(() => this.#connections.usable?.openAhead());
  }

  #enter(decision: Decision, options: OpeningOptions): void {
    this.#latest = { decision, options };
    this.#names.add(decision.server.toLowerCase());
  }

  #start(decision: Decision, options: OpeningOptions, signal: AbortSignal): Promise<Placed> {
    return startSomewhere(this.#connections, decision, { ...options, broken: signal });
  }

  /** For the forwards, which outlive the call that wanted them: nobody is told anything, or asked. */
  #ownOptions(broken: AbortSignal): OpeningOptions {
    const world = startingNow(this.#latest.options.world);
    const onRemark = withoutFlood((line) => this.#note(`${this.server}: said: ${line}`));
    return {
      world,
      note: this.#note,
      progress: new Progress(),
      broken,
      purpose: "shared",
      onRemark,
      logins: new Logins(),
    };
  }

  /** Something has begun or ended. */
  #changed(): void {
    if (this.#isOver) return;
    if (!this.#connections.hasConnected && this.#isIdle) this.#close();
    else this.#stay.look();
    this.#forwards.onceIdle(() => this.#changed());
  }

  #close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#onRetired();
    this.#stay.stop();
    this.#forwards.close();
    this.#spares.close();
    void this.#connections.close().then(this.#leave);
  }
}
