/** The window that a channel is opened with, in bytes: ssh2's, and OpenSSH's. */
const NARROW = 2 * 1024 * 1024;

/** The widest: good for 160 MB/s at a round-trip time of 100 ms, where NARROW gives 20. */
const WIDE = 16 * 1024 * 1024;

/** Milliseconds in which NARROW carries 100 MB/s: a server that is nearer needs no more. */
const NEAR = 20;

/** A reader who always has as much as this before him does not keep up. */
const LAG = NARROW / 2;

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
 * limit, which is what a reader who stalls costs. As TCP's receivers do, it makes room for twice what comes in a round trip.
 * More would help nobody: sshd reads ahead of the network to fill the window, and becomes slow with large buffers.
 */
export class ReceiveWindow {
  #limit = NARROW;
  #read = 0;
  #turn: Turn | undefined;
  /** The least that was unread in this turn, in bytes. */
  #least = 0;
  /** Milliseconds: a round trip, or what fills the narrow window where the line is slower than that. */
  #shortest = Number.POSITIVE_INFINITY;

  /**
   * To be told of each piece that is read, in bytes, at `now` in milliseconds. Gives by how much the window is to be widened
   * at once: mostly 0, since each time is a packet.
   */
  read(bytes: number, { unread, credit }: Load, now: number): number {
    this.#read += bytes;
    this.#least = Math.min(this.#least, unread);
    const received = this.#read + unread;
    if (this.#turn !== undefined && received >= this.#turn.received) this.#judge(this.#turn, now);
    const more = this.#limit - unread - credit;
    if (more < this.#limit / 8) return 0;
    if (this.#turn === undefined) {
      this.#turn = { began: now, read: this.#read, received: received + credit + more };
      this.#least = unread;
    }
    return more;
  }

  #judge({ began, read }: Turn, now: number): void {
    const bytes = this.#read - read;
    if (bytes < this.#limit) return;
    const time = Math.max(now - began, 1);
    this.#turn = undefined;
    this.#shortest = Math.min(this.#shortest, time);
    // What comes at once is unread at once: only what was never read in a whole turn came too early.
    if (this.#least >= LAG) this.#limit = Math.max(this.#limit - this.#least, NARROW);
    else if (this.#shortest >= NEAR) this.#widen(Math.round((2 * bytes * this.#shortest) / time));
  }

  #widen(useful: number): void {
    this.#limit = Math.min(Math.max(this.#limit, useful), WIDE);
  }
}
