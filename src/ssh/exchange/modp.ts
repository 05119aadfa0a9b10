import { randomBytes } from "node:crypto";
import type { KeyExchange } from "./exchange.ts";

/*
 * Diffie-Hellman in the groups of RFC 3526, as RFC 8268 uses them. node:crypto has the groups, but Bun tests at every
 * use whether the prime is one: 0.4 s for group 14, 3 s for 16, 27 s for 18. This takes 0.003 s, 0.02 s and 0.05 s, in
 * pieces: a server may ask for it at any time, and other sessions are not to wait meanwhile.
 */

/** A group of RFC 3526: the size of its prime in bits, and the number that makes it one. */
interface ModpGroup {
  readonly hash: "sha256" | "sha512";
  readonly bits: number;
  readonly addend: bigint;
}

/** Those that OpenSSH has too. */
export const MODP_GROUPS: Readonly<Record<string, ModpGroup>> = {
  "diffie-hellman-group14-sha256": { hash: "sha256", bits: 2048, addend: 124476n },
  "diffie-hellman-group16-sha512": { hash: "sha512", bits: 4096, addend: 240904n },
  "diffie-hellman-group18-sha512": { hash: "sha512", bits: 8192, addend: 4743158n },
};

/** Bits of the private exponent: twice the strength of the strongest cipher, as in OpenSSH (dh.c, dh_gen_key). */
const EXPONENT = 512;

/** Bits of it that are computed in one go: 10 ms in the largest group. */
const PIECE = 64;

/** One exchange of RFC 4253 section 8. */
export class ModpExchange implements KeyExchange {
  readonly hash: "sha256" | "sha512";
  readonly #bits: number;
  readonly #prime: bigint;
  readonly #exponent = integer(randomBytes(EXPONENT / 8));

  constructor(group: ModpGroup) {
    this.hash = group.hash;
    this.#bits = group.bits;
    this.#prime = primeOf(group);
  }

  async init(): Promise<Buffer> {
    return mpint(await power(2n, this.#exponent, this.#prime));
  }

  async secret(reply: Buffer): Promise<Buffer> {
    // RFC 4253 section 8: values outside 1 to p-1; OpenSSH refuses 1 and p-1 as well (dh.c, dh_pub_is_valid).
    const part = reply.length > this.#bits / 8 + 1 ? 0n : integer(reply);
    if (part <= 1n || part >= this.#prime - 1n) throw new Error("the server's part is out of range");
    return mpint(await power(part, this.#exponent, this.#prime));
  }
}

const primes = new Map<number, bigint>();

/** RFC 3526: 2^n - 2^(n-64) - 1 + 2^64 * ([2^(n-130) pi] + addend). */
export function primeOf({ bits, addend }: ModpGroup): bigint {
  const n = BigInt(bits);
  const prime =
    primes.get(bits) ?? 2n ** n - 2n ** (n - 64n) - 1n + 2n ** 64n * (piTimes(bits - 130) + addend);
  primes.set(bits, prime);
  return prime;
}

/** [2^bits pi], by Machin's formula; 64 more bits make up for what the divisions drop. */
function piTimes(bits: number): bigint {
  const one = 1n << BigInt(bits + 64);
  return (16n * arctanOfInverse(5n, one) - 4n * arctanOfInverse(239n, one)) >> 64n;
}

function arctanOfInverse(x: bigint, one: bigint): bigint {
  let sum = 0n;
  let power = one / x;
  for (let n = 1n; power !== 0n; n += 2n) {
    sum += n % 4n === 1n ? power / n : -(power / n);
    power /= x * x;
  }
  return sum;
}

/**
 * The same multiplications whatever the exponent (Montgomery's ladder). Their own time still depends on the numbers;
 * each exponent is used for one exchange only.
 */
async function power(base: bigint, exponent: bigint, prime: bigint): Promise<bigint> {
  let low = 1n;
  let high = base;
  for (let bit = EXPONENT - 1; bit >= 0; bit--) {
    if (bit % PIECE === 0) await new Promise((resolve) => setImmediate(resolve));
    const product = (low * high) % prime;
    const isSet = (exponent >> BigInt(bit)) & 1n;
    const squared = isSet === 1n ? high : low;
    const square = (squared * squared) % prime;
    low = isSet === 1n ? product : square;
    high = isSet === 1n ? square : product;
  }
  collect();
  return low;
}

/**
 * Has Bun collect what the numbers have left, some megabytes for each exchange: by itself it lets eighty gather where a
 * server exchanges keys again and again. Node collects them as they come.
 */
function collect(): void {
  (globalThis as { readonly Bun?: { gc(force: boolean): void } }).Bun?.gc(true);
}

function integer(bytes: Buffer): bigint {
  return bytes.length === 0 ? 0n : BigInt(`0x${bytes.toString("hex")}`);
}

/** RFC 4251 section 5: no leading zeros, but one where the first bit is set. */
function mpint(value: bigint): Buffer {
  const hex = value.toString(16);
  const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex");
  return (bytes[0] ?? 0) < 0x80 ? bytes : Buffer.concat([Buffer.from([0]), bytes]);
}
