import { type Cipher, createCipheriv, createHash } from "node:crypto";

/** Bytes and choices that are the same for the same name: the key stream of AES in counter mode. */
export class Random {
  readonly #stream: Cipher;

  /** `name`: the seed, and what it is for. */
  constructor(...name: readonly (string | number)[]) {
    const key = createHash("sha256").update(name.join("/")).digest();
    this.#stream = createCipheriv("aes-128-ctr", key.subarray(0, 16), key.subarray(16));
  }

  bytes(count: number): Buffer {
    return this.#stream.update(Buffer.alloc(count));
  }

  /** A whole number below `limit`. */
  below(limit: number): number {
    return Math.floor((this.bytes(6).readUIntBE(0, 6) / 2 ** 48) * limit);
  }

  /** A whole number, both ends included. */
  between(least: number, most: number): number {
    return least + this.below(most - least + 1);
  }

  /** True in so many of a hundred cases. */
  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  pick<T>(all: readonly T[]): T {
    const [picked] = all.slice(this.below(all.length));
    if (picked === undefined) throw new Error("there is nothing to choose from");
    return picked;
  }

  /** So many of them, in any order. */
  sample<T>(all: readonly T[], count: number = all.length): readonly T[] {
    const left = [...all];
    return Array.from({ length: Math.min(count, left.length) }, () =>
      left.splice(this.below(left.length), 1),
    ).flat();
  }
}
