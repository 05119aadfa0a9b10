import { NUMBERS } from "./numbers.ts";

/** Milliseconds, and bytes of the server's, that are reason enough for new keys: sshd's RekeyLimit may be as low. */
const REASON = { time: 1000, bytes: 16 * 1024 };

/**
 * How often a server may have keys exchanged anew. RFC 4253 section 9 speaks of a GB or an hour; each time costs us up to a
 * tenth of a second of computing and the server, if it lies, nothing.
 */
export class Rekeys {
  #left: number = NUMBERS.rekeys.greatest;
  /** The milliseconds of the last time, and the bytes since. */
  #last = Number.NEGATIVE_INFINITY;
  #bytes = 0;

  /** So many bytes have come. */
  heard(bytes: number): void {
    this.#bytes += bytes;
  }

  /** Whether it may once more, at `now` in milliseconds. */
  mayBegin(now: number): boolean {
    const hasReason = now - this.#last >= REASON.time || this.#bytes >= REASON.bytes;
    this.#last = now;
    this.#bytes = 0;
    if (!hasReason) this.#left--;
    return this.#left >= 0;
  }
}
