/** Tags of X.690 section 8, as far as key files have them. */
export const TAG = { integer: 0x02, octets: 0x04, objectId: 0x06, sequence: 0x30 } as const;

/** One value of DER (X.690) after another. Everything throws a RangeError at the end, or at another tag than expected. */
export class Der {
  readonly #bytes: Buffer;
  #offset = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** The tag of what is next; undefined at the end. */
  get next(): number | undefined {
    return this.#bytes[this.#offset];
  }

  /** The values in the sequence that is next. */
  sequence(): Der {
    return new Der(this.#take(TAG.sequence));
  }

  octets(): Buffer {
    return this.#take(TAG.octets);
  }

  integer(): number {
    return this.#take(TAG.integer).reduce((sum, byte) => sum * 256 + byte, 0);
  }

  /** An object identifier in dots. */
  objectId(): string {
    const parts: number[] = [];
    let part = 0;
    for (const byte of this.#take(TAG.objectId)) {
      part = part * 128 + (byte & 0x7f);
      if (byte >= 0x80) continue;
      // X.690 section 8.19.4: the first two are one number.
      if (parts.length > 0) parts.push(part);
      else parts.push(Math.min(2, Math.floor(part / 40)), part - 40 * Math.min(2, Math.floor(part / 40)));
      part = 0;
    }
    return parts.join(".");
  }

  #take(tag: number): Buffer {
    const [found, first = 0] = this.#bytes.subarray(this.#offset);
    const more = first < 0x80 ? 0 : first - 0x80;
    const start = this.#offset + 2 + more;
    const length = more === 0 ? first : this.#bytes.subarray(start - more, start).readUIntBE(0, more);
    if (found !== tag || start + length > this.#bytes.length) throw new RangeError("is no such value");
    this.#offset = start + length;
    return this.#bytes.subarray(start, this.#offset);
  }
}
