import { CongestionWindow, type Traits } from "./congestion_window.ts";
import { NUMBERS, RECEIVE_WINDOW } from "./numbers.ts";

const MIB = 1024 * 1024;

const TRAITS: Traits = {
  first: RECEIVE_WINDOW,
  // A packet and a half, which take 0.4 s at 1 Mbit/s. A packet counts only when all of it has come; with no more than that
  // one allowed, the line would be idle until word of it has reached the server.
  least: 1.5 * NUMBERS.mostPacket.greatest,
  packet: NUMBERS.mostPacket.greatest,
  dry: NUMBERS.mostPacket.greatest,
  narrow: 2 * MIB,
  // Good for 160 MB/s at a round-trip time of 100 ms.
  wide: 16 * MIB,
  trips: 1.25,
  // Delayed acknowledgements and busy machines come to that.
  queue: 20,
  fast: 40_000,
};

/** Milliseconds without a byte after which there was nothing to send. */
const IDLE = 3000;

/** What a channel has to hold at a moment, in bytes. */
export interface Load {
  /** Received and not read yet. */
  readonly unread: number;
  /** What the server may still send (RFC 4254 section 5.2); some of it is on its way. */
  readonly credit: number;
  /** Whether somebody waits for a session on the same connection. */
  readonly makesWay: boolean;
}

/** From a widening until all that it allowed has come, and a full window has been read: not shorter than a round trip. */
interface Turn {
  /** Milliseconds on any clock. */
  readonly began: number;
  /** Bytes that had been read in all. */
  readonly read: number;
  /** Bytes received in all at its end. */
  readonly received: number;
}

/**
 * How far a server may send ahead of its reader: what is unread and what may still come are together never more than a
 * congestion window, and half of one while somebody waits for a session: then the queue before the line runs dry.
 */
export class ReceiveWindow {
  readonly #window: CongestionWindow;
  #read = 0;
  #turn: Turn | undefined;
  #last = Number.NEGATIVE_INFINITY;

  /** `roundTrip`: the least of the connection so far, in ms; infinite where it is not known. */
  constructor(roundTrip: () => number) {
    this.#window = new CongestionWindow(TRAITS, roundTrip);
  }

  /**
   * To be told of each piece that is read, in bytes, at `now` in milliseconds. Gives by how much the window is to be widened
   * at once: mostly 0, since each time is a packet.
   */
  read(bytes: number, { unread, credit, makesWay }: Load, now: number): number {
    this.#read += bytes;
    if (now - this.#last > IDLE) {
      this.#turn = undefined;
      this.#window.rest(now);
    }
    this.#last = now;
    const received = this.#read + unread;
    if (this.#turn !== undefined && received >= this.#turn.received) this.#judge(this.#turn, now);
    const size = makesWay ? this.#window.size / 2 : this.#window.size;
    const more = Math.floor(size) - unread - credit;
    if (more < size / 8) return 0;
    // With less than all of it a turn says nothing.
    if (makesWay) this.#turn = undefined;
    else this.#turn ??= { began: now, read: this.#read, received: received + credit + more };
    return more;
  }

  #judge({ began, read }: Turn, now: number): void {
    const bytes = this.#read - read;
    if (bytes < this.#window.size) return;
    this.#turn = undefined;
    this.#window.took({ bytes, time: Math.max(now - began, 1) }, now);
  }
}
