import type { Duplex } from "node:stream";
import { LEAST_PIECE, SendWindow } from "./send_window.ts";

/** Bytes in the socket beyond which the next piece waits: what a fast line needs. */
const ROOM = 64 * 1024;

/** Bytes that are sent in one turn of the event loop: a fast socket takes all, and meanwhile nobody else would be heard. */
const TURN = 256 * 1024;

/** Milliseconds without an answer after which more may be on its way. */
const SILENCE = 3000;

/** A channel that has something to send. */
export interface Sender {
  /** Sends so many bytes at most, now; gives how many: none when nobody wants them any more. */
  send(most: number): number;
}

/** What is to be known of the connection. */
export interface Uplinked {
  /** Whether what is sent now would only be kept; proceed() is to be called when that is over. */
  isHeld(): boolean;
  /** Asks the server for a sign of life. */
  ask(onAnswer: () => void): void;
  /** The least round-trip time in ms; infinite where it is not known. */
  roundTrip(): number;
}

/**
 * Lets the channels of a connection send one piece each in turn, and only what the line takes. ssh2 would put a whole
 * window of each into the socket at once, and a word of one session would wait behind the megabytes of another. Who has
 * nothing on its way is let through with a few KiB at any time: a command never waits for the answers to somebody's mail.
 */
export class Uplink {
  readonly #socket: Pick<Duplex, "writableLength" | "on">;
  readonly #line: Uplinked;
  readonly #window: SendWindow;
  readonly #waiting: Sender[] = [];
  /** All that had been sent after the last piece of each. */
  readonly #lastOf = new WeakMap<Sender, number>();
  #isProceeding = false;
  /** Bytes that have been sent in this turn of the event loop. */
  #turn = 0;
  #silence: NodeJS.Timeout | undefined;

  constructor(socket: Pick<Duplex, "writableLength" | "on">, line: Uplinked) {
    this.#socket = socket;
    this.#line = line;
    this.#window = new SendWindow(() => line.roundTrip());
    socket.on("drain", () => this.proceed());
    socket.on("close", () => this.#heard());
  }

  /** Lets `sender` send one piece when those who came before have had their turn, and there is room. */
  take(sender: Sender): void {
    this.#waiting.push(sender);
    this.proceed();
  }

  proceed(): void {
    // A sender may be back for more within its turn.
    if (this.#isProceeding) return;
    this.#isProceeding = true;
    while (this.#turn < TURN && this.#socket.writableLength < ROOM && !this.#line.isHeld()) {
      const most = this.#window.hasRoom ? this.#window.piece : LEAST_PIECE;
      const sender = this.#window.hasRoom ? this.#waiting.shift() : this.#takeQuiet();
      if (sender === undefined) break;
      const bytes = sender.send(most);
      if (bytes > 0) this.#sent(sender, bytes);
    }
    this.#isProceeding = false;
    if (this.#waiting.length > 0 && !this.#window.hasRoom) this.#listen();
  }

  #sent(sender: Sender, bytes: number): void {
    if (this.#turn === 0) setImmediate(this.#nextTurn);
    this.#turn += bytes;
    const mark = this.#window.send(bytes, performance.now());
    this.#lastOf.set(sender, this.#window.sent);
    if (mark === undefined) return;
    this.#line.ask(() => {
      this.#heard();
      this.#window.answered(mark, performance.now());
      this.proceed();
    });
  }

  readonly #nextTurn = (): void => {
    const wasFull = this.#turn >= TURN;
    this.#turn = 0;
    if (wasFull) this.proceed();
  };

  /** The first of those who have nothing on its way. */
  #takeQuiet(): Sender | undefined {
    const at = this.#waiting.findIndex((one) => (this.#lastOf.get(one) ?? 0) <= this.#window.arrived);
    return at < 0 ? undefined : this.#waiting.splice(at, 1)[0];
  }

  #listen(): void {
    this.#silence ??= setTimeout(() => {
      this.#silence = undefined;
      this.#window.doubt();
      this.proceed();
    }, SILENCE);
  }

  #heard(): void {
    clearTimeout(this.#silence);
    this.#silence = undefined;
  }
}
