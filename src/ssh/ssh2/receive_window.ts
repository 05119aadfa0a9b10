import { NUMBERS, RECEIVE_WINDOW } from "./numbers.ts";

/**
 * The narrowest: a packet and a half, which take 0.4 s at 1 Mbit/s. A packet counts only when all of it has come; with no
 * more than that one allowed, the line would be idle until word of it has reached the server.
 */
const LEAST = 1.5 * NUMBERS.mostPacket.greatest;

/** What is allowed while the queue runs dry. */
const DRY = NUMBERS.mostPacket.greatest;

/** The widest: good for 160 MB/s at a round-trip time of 100 ms. */
const WIDE = 16 * 1024 * 1024;

/** Milliseconds in which NARROW carries 100 MB/s: a server that is nearer needs no more. */
const NEAR = 20;
const NARROW = 2 * 1024 * 1024;

/** Milliseconds that a queue may take beside the round trip: delayed acknowledgements and busy machines come to that. */
const QUEUE = 40;

/** Bytes a millisecond on a line that is fast: there it is machines that stall, and a stall costs more than a queue does. */
const FAST = 10_000;

/** Milliseconds without a byte after which there was nothing to send. */
const IDLE = 3000;

/** Milliseconds for which a round-trip time is believed, as in BBR: routes change, and so does what others send. */
const BELIEVED = 10_000;

/** What a channel has to hold at a moment, in bytes. */
export interface Load {
  /** Received and not read yet. */
  readonly unread: number;
  /** What the server may still send (RFC 4254 section 5.2); some of it is on its way. */
  readonly credit: number;
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
 * limit. More than the line carries in a round trip only fills the queue before it, where everybody's next word waits; so
 * the limit is what has come lately, for two round trips and a short queue (up to four on a fast line). As congestion control by delay does (TCP Vegas,
 * BBR), it goes by the least round-trip time: as long as a window takes no longer than that, the line carries more. Now and
 * then the queue runs dry for a moment, to see whether that is still the least.
 */
export class ReceiveWindow {
  readonly #roundTrip: () => number;
  #limit = RECEIVE_WINDOW;
  #read = 0;
  #turn: Turn | undefined;
  #last = Number.NEGATIVE_INFINITY;
  /** The least round-trip time lately, and when it was measured, in ms. */
  #base = { time: Number.POSITIVE_INFINITY, at: Number.NEGATIVE_INFINITY };
  /** The turn before this one. */
  #previous = { limit: 0, time: 0 };
  /** The limit to go back to, while the queue is let run dry to measure it anew. */
  #before: number | undefined;

  /** `roundTrip`: the least of the connection so far, in ms; infinite where it is not known. */
  constructor(roundTrip: () => number) {
    this.#roundTrip = roundTrip;
  }

  /**
   * To be told of each piece that is read, in bytes, at `now` in milliseconds. Gives by how much the window is to be widened
   * at once: mostly 0, since each time is a packet.
   */
  read(bytes: number, { unread, credit }: Load, now: number): number {
    this.#read += bytes;
    if (now - this.#last > IDLE) this.#rest(now);
    this.#last = now;
    const received = this.#read + unread;
    if (this.#turn !== undefined && received >= this.#turn.received) this.#judge(this.#turn, now);
    const more = this.#limit - unread - credit;
    if (more < this.#limit / 8) return 0;
    this.#turn ??= { began: now, read: this.#read, received: received + credit + more };
    return more;
  }

  /** After a pause the line is empty, and as fast as before. */
  #rest(now: number): void {
    this.#turn = undefined;
    this.#base = { time: Math.min(this.#base.time, this.#roundTrip()), at: now };
  }

  #judge({ began, read }: Turn, now: number): void {
    const bytes = this.#read - read;
    if (bytes < this.#limit) return;
    this.#turn = undefined;
    const time = Math.max(now - began, 1);
    const isMeasured = this.#before !== undefined || this.#isForeign(time);
    if (time <= this.#base.time || isMeasured) this.#base = { time, at: now };
    this.#previous = { limit: this.#limit, time };
    if (this.#before !== undefined) {
      this.#limit = this.#before;
      this.#before = undefined;
      return;
    }
    const roundTrip = this.#base.time;
    const rate = bytes / time;
    const useful = rate * ((2 + Math.min(rate / FAST, 2)) * roundTrip + QUEUE);
    // No queue at all: the window was too small for the line.
    const hasRoom = time <= 1.5 * roundTrip + QUEUE / 4;
    const wanted = Math.round(hasRoom ? Math.max(useful, 4 * this.#limit) : useful);
    this.#limit = Math.min(Math.max(wanted, LEAST), roundTrip < NEAR ? NARROW : WIDE);
    if (now - this.#base.at <= BELIEVED || this.#limit === LEAST) return;
    this.#before = this.#limit;
    this.#limit = DRY;
  }

  /** Whether a turn took its time for another reason than our queue: with half the window it took no less. */
  #isForeign(time: number): boolean {
    const { limit, time: before } = this.#previous;
    return this.#limit <= limit / 2 && time >= 0.75 * before;
  }
}
