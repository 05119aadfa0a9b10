import { CongestionWindow, type Traits } from "./congestion_window.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

const TRAITS: Traits = {
  // Half a second at 1 Mbit/s; TCP begins with less than that (RFC 6928).
  first: 64 * KIB,
  least: 16 * KIB,
  packet: 4 * KIB,
  dry: 16 * KIB,
  narrow: 2 * MIB,
  wide: 16 * MIB,
  trips: 1.25,
  queue: 20,
  fast: 40_000,
};

/** A window is sent in so many pieces. */
const PIECES = 8;

/** Bytes in a piece: with less there would be too much of headers, and more than that is not in a packet. */
export const LEAST_PIECE = 4 * KIB;
const MOST_PIECE = 32 * KIB;

/** Milliseconds without a byte after which there was nothing to send. */
const IDLE = 3000;

/** A question to the server, whose answer says that what was sent before it has arrived. */
export interface Mark {
  /** Bytes sent in all before it, and those of them that had arrived when it was asked. */
  readonly sent: number;
  readonly arrived: number;
  readonly at: number;
}

/**
 * How much of what channels send may be on its way to the server. What has left the program may still stand in the kernel's
 * send buffer, which Node has no word for (SO_SNDBUF), and in the router's queue. So the server is asked for a sign of life
 * after some bytes: it takes things in their order (RFC 4254 section 4), and its answer says that they have arrived. What is
 * unanswered is kept to a congestion window. All times are milliseconds on any clock.
 */
export class SendWindow {
  readonly #window: CongestionWindow;
  /** Bytes in all: sent, sent before the last mark, and arrived. */
  #sent = 0;
  #marked = 0;
  #arrived = 0;
  /** When the window was last judged: what was asked before says nothing of it. */
  #judged = Number.NEGATIVE_INFINITY;
  #last = Number.NEGATIVE_INFINITY;
  #isRested = true;
  /** Windows that may be on their way. */
  #lenience = 1;

  /** `roundTrip`: the least of the connection so far; infinite where it is not known. */
  constructor(roundTrip: () => number) {
    this.#window = new CongestionWindow(TRAITS, roundTrip);
  }

  /** Bytes sent in all. */
  get sent(): number {
    return this.#sent;
  }

  /** Of those, what is known to have arrived. */
  get arrived(): number {
    return this.#arrived;
  }

  /** Bytes that are to go in one piece. The first one after a pause is short, and shows the round-trip time. */
  get piece(): number {
    if (this.#isRested) return LEAST_PIECE;
    return Math.min(Math.max(Math.floor(this.#window.size / PIECES), LEAST_PIECE), MOST_PIECE);
  }

  /** Whether one more piece may go: all of the window is used. */
  get hasRoom(): boolean {
    return this.#sent - this.#arrived < this.#window.size * this.#lenience;
  }

  /** So many bytes are sent now. Gives the mark that is to be set behind them, if any. */
  send(bytes: number, now: number): Mark | undefined {
    if (now - this.#last > IDLE) {
      this.#window.rest(now);
      this.#isRested = true;
    }
    this.#last = now;
    this.#sent += bytes;
    const unmarked = this.#sent - this.#marked;
    if (unmarked < (this.#isRested ? LEAST_PIECE : this.#window.size / PIECES) && this.hasRoom)
      return undefined;
    this.#isRested = false;
    this.#marked = this.#sent;
    return { sent: this.#sent, arrived: this.#arrived, at: now };
  }

  /** The server has answered. */
  answered({ sent, arrived, at }: Mark, now: number): void {
    this.#lenience = 1;
    this.#arrived = Math.max(this.#arrived, sent);
    if (at < this.#judged) return;
    const bytes = sent - arrived;
    const time = Math.max(now - at, 0.1);
    if (bytes <= this.#window.size / 2) this.#window.heard(time, now);
    if (bytes < this.#window.size) return;
    this.#judged = now;
    this.#window.took({ bytes, time }, now);
  }

  /** The server has been silent for long: it does not answer, or the line is slower than thought. */
  doubt(): void {
    this.#lenience *= 2;
  }
}
