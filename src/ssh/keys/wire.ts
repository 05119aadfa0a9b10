/** Takes one value of RFC 4251 section 5 after the other. Everything throws a RangeError at the end of the bytes. */
export class Reader {
  readonly #bytes: Buffer;
  #offset = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** How many bytes have been taken. */
  get offset(): number {
    return this.#offset;
  }

  get isOver(): boolean {
    return this.#offset === this.#bytes.length;
  }

  uint8(): number {
    return this.#take(1).readUInt8();
  }

  uint32(): number {
    return this.#take(4).readUInt32BE();
  }

  uint64(): bigint {
    return this.#take(8).readBigUInt64BE();
  }

  string(): Buffer {
    return this.#take(this.uint32());
  }

  /** A string of any bytes, each a character: what is compared must not be changed by an encoding. */
  text(): string {
    return this.string().toString("latin1");
  }

  /** All that is left. */
  rest(): Buffer {
    return this.#take(this.#bytes.length - this.#offset);
  }

  /** What `take` takes, again and again until the end. */
  all<T>(take: () => T): readonly T[] {
    const found: T[] = [];
    while (!this.isOver) found.push(take());
    return found;
  }

  #take(length: number): Buffer {
    const end = this.#offset + length;
    if (end > this.#bytes.length) throw new RangeError("is cut short");
    const taken = this.#bytes.subarray(this.#offset, end);
    this.#offset = end;
    return taken;
  }
}

/** What `read` makes of the bytes; undefined when they end too soon for it. */
export function readWith<T>(bytes: Buffer, read: (reader: Reader) => T): T | undefined {
  try {
    return read(new Reader(bytes));
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
