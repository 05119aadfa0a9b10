import { onAbort } from "../abort.ts";
import { BUSY_CONNECTION_MS } from "../second_chances.ts";
import type { Watching } from "../target/watching.ts";
import type { Connection } from "./connection.ts";

/** A ping that has not been answered for so long (milliseconds) makes a connection doubtful. */
const DOUBT = 2_000;

/** Looks in each interval, unless nothing has come since an answer: what comes just after one is counted from the next. */
const LOOKS = 3;

/** What the clock may lose or gain between two looks of a living process. */
const SLACK = 5_000;

/** Who is served within so many milliseconds has not waited, and asks nothing. */
const PATIENCE = 200;

/** Milliseconds that the question is open when he has waited for BUSY_CONNECTION_MS. */
const LONG = BUSY_CONNECTION_MS - PATIENCE;

/** Milliseconds between two looks at a question that is open for longer. */
const LOOK_AGAIN = 250;

/** What is watched of a connection. */
export type Watched = Pick<Connection, "received" | "ping">;

/**
 * Watches over one connection. It lives as long as bytes come, whichever: a slow download that leaves no room for the
 * answer to a ping is not dead. The wall clock, which goes on while a machine sleeps, says how old the last sign is.
 */
export class Liveness {
  /** Milliseconds that the last answer took; undefined before the first. */
  roundTrip: number | undefined;
  readonly #connection: Watched;
  readonly #watching: Watching;
  readonly #onDead: (seconds: number) => void;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;
  #received = 0;
  #receivedAtTick = 0;
  #looked = Date.now();
  #heard = Date.now();
  /** Looks, one after another, that found nothing new. */
  #silent = 0;
  /** What had come when it was last found silent. */
  #silentAt: number | undefined;
  /** performance.now() of the ping that is not answered yet. */
  #asked: number | undefined;
  /** What had come when that ping was sent, and when the last one was answered. */
  #receivedAtAsking = 0;
  #receivedAtAnswer: number | undefined;

  constructor(connection: Watched, watching: Watching, onDead: (seconds: number) => void) {
    this.#connection = connection;
    this.#watching = watching;
    this.#onDead = onDead;
    this.#tickIn(watching.interval / LOOKS);
  }

  /** Whether the connection can be relied upon without asking: heard of lately, and no question open for long. */
  get isFresh(): boolean {
    this.#look();
    const age = Date.now() - this.#heard;
    const open = this.#asked === undefined ? 0 : performance.now() - this.#asked;
    return age >= 0 && age < this.#watching.interval + SLACK && open < DOUBT;
  }

  /** Whether silentFor() has found it silent, and nothing has come since. */
  get isSilent(): boolean {
    return this.#silentAt === this.#connection.received;
  }

  /** Whether what is asked now waits behind other bytes: the last question did, or does. */
  get isBusy(): boolean {
    return this.#waitsBehindOthers || (this.roundTrip ?? 0) >= BUSY_CONNECTION_MS;
  }

  get #waitsBehindOthers(): boolean {
    if (this.#asked === undefined || this.#connection.received === this.#receivedAtAsking) return false;
    return performance.now() - this.#asked >= LONG;
  }

  /**
   * Calls `onBusy`, once, after BUSY_CONNECTION_MS when a question waits behind other bytes, or soon when one has waited for
   * long; not any more when `over` is aborted or it is answered in time. A server that takes its time for a command answers
   * questions meanwhile.
   */
  whenBusy(over: AbortSignal, onBusy: () => void): void {
    let timer: NodeJS.Timeout;
    const look = (): void => {
      if (this.#waitsBehindOthers) onBusy();
      else if (this.#asked !== undefined) {
        timer = setTimeout(look, Math.max(Math.ceil(this.#asked + LONG - performance.now()), LOOK_AGAIN));
      }
    };
    timer = setTimeout(() => {
      this.probe();
      look();
    }, PATIENCE);
    onAbort(over, () => clearTimeout(timer));
  }

  /** Asks for a sign of life, unless a question is open. */
  probe(): void {
    if (this.#asked !== undefined) return;
    const asked = performance.now();
    this.#asked = asked;
    this.#receivedAtAsking = this.#connection.received;
    this.#connection.ping(() => {
      this.roundTrip = performance.now() - asked;
      this.#asked = undefined;
      this.#heard = Date.now();
      this.#receivedAtAnswer = this.#connection.received;
      // Who is idle is woken to be asked, and by the answer.
      this.#tickIn(this.#watching.interval);
    });
  }

  /** Resolves with true when not a byte has come for `ms` from now; with false at the first, or when it is over. */
  silentFor(ms: number, over: AbortSignal): Promise<boolean> {
    const before = this.#connection.received;
    return new Promise((resolve) => {
      let deafen = (): void => {};
      const done = (isSilent: boolean): void => {
        clearTimeout(asking);
        clearTimeout(timer);
        deafen();
        resolve(isSilent);
      };
      const judge = (): void => {
        const isSilent = this.#connection.received === before;
        if (isSilent) this.#silentAt = before;
        done(isSilent);
      };
      // Who answers in time is not asked.
      const asking = setTimeout(() => this.probe(), ms / 4);
      const timer = setTimeout(judge, ms);
      deafen = onAbort(over, () => done(false));
    });
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  #tickIn(ms: number): void {
    clearTimeout(this.#timer);
    if (!this.#isStopped) this.#timer = setTimeout(() => this.#tick(), ms);
  }

  /** Takes note of bytes that have come since the last look. */
  #look(): void {
    const before = this.#looked;
    this.#looked = Date.now();
    if (this.#connection.received === this.#received) return;
    this.#received = this.#connection.received;
    // They may have come just after the last look, and the machine may have slept since.
    this.#heard = before;
  }

  #tick(): void {
    this.#look();
    this.#tickIn(this.#watching.interval / LOOKS);
    const { received } = this.#connection;
    const isNew = received !== this.#receivedAtTick;
    this.#receivedAtTick = received;
    if (isNew && received === this.#receivedAtAnswer) {
      // It has been silent since then, for an interval.
      this.#silent = LOOKS - 1;
      this.probe();
      return;
    }
    if (isNew) {
      this.#silent = 0;
      return;
    }
    this.#silent++;
    // Counted in looks: after a sleep the first one asks, though the clock has gone on for hours. The silence may have
    // begun one before the first that noticed it.
    if (this.#silent >= this.#watching.most * LOOKS - 1) {
      this.stop();
      this.#onDead((this.#watching.interval * this.#watching.most) / 1000);
    } else if (this.#silent % LOOKS === 1) {
      this.probe();
    }
  }
}

/** Watches over a connection, and abandons it when it is dead. */
export function watched(connection: Connection, watching: Watching): Liveness {
  return new Liveness(connection, watching, (seconds) =>
    connection.abandon(`not a byte from the server for ${seconds} s`),
  );
}
