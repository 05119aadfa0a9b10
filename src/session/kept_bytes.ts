/** Bytes that are kept until it is known what they are. They may come one by one: none is copied each time. */
export class KeptBytes {
  /** Longer than what is kept. */
  #room: Buffer = Buffer.alloc(0);
  #length = 0;

  /** All that is kept. */
  get bytes(): Buffer {
    return this.#room.subarray(0, this.#length);
  }

  get length(): number {
    return this.#length;
  }

  add(chunk: Buffer): void {
    const length = this.#length + chunk.length;
    if (length > this.#room.length) {
      const larger = Buffer.allocUnsafe(Math.max(2 * this.#room.length, length));
      this.#room.copy(larger, 0, 0, this.#length);
      this.#room = larger;
    }
    chunk.copy(this.#room, this.#length);
    this.#length = length;
  }
}
