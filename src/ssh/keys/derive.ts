import { createHash } from "node:crypto";
import bcrypt from "bcrypt-pbkdf";

/** Milliseconds of computing before others have their turn. */
const SLICE = 8;

/** Bytes of one hash. */
const HASH = bcrypt.HASHSIZE;

/**
 * Makes `length` bytes of a passphrase by bcrypt_pbkdf(3) of OpenBSD. Each round takes a hundredth of a second, and `ssh-keygen
 * -a` may ask for hundreds: between two of them timers, signals and other connections have their turn. Throws the
 * signal's reason.
 */
export async function derive(
  passphrase: string,
  { salt, rounds, length, signal }: Derivation,
): Promise<Buffer> {
  const secret = sha512(Buffer.from(passphrase));
  const key = Buffer.alloc(length);
  // The bytes of several hashes are interleaved, so that nobody can do without one of them.
  const stride = Math.ceil(length / HASH);
  let since = performance.now();
  for (let block = 0; block < stride; block++) {
    const count = Buffer.alloc(4);
    count.writeUInt32BE(block + 1);
    let hash = hashed(secret, sha512(Buffer.concat([salt, count])));
    const sum = Buffer.from(hash);
    for (let round = 1; round < rounds; round++) {
      hash = hashed(secret, sha512(hash));
      for (let index = 0; index < HASH; index++) sum[index] = (sum[index] ?? 0) ^ (hash[index] ?? 0);
      if (performance.now() - since < SLICE) continue;
      await new Promise((resolve) => setImmediate(resolve));
      signal.throwIfAborted();
      since = performance.now();
    }
    for (let index = 0; index * stride + block < length; index++)
      key[index * stride + block] = sum[index] ?? 0;
  }
  return key;
}

/** What a key is made by, beside the passphrase. */
export interface Derivation {
  readonly salt: Buffer;
  readonly rounds: number;
  readonly length: number;
  /** Aborted when nobody waits for it any more. */
  readonly signal: AbortSignal;
}

function hashed(secret: Buffer, salt: Buffer): Buffer {
  const out = Buffer.alloc(HASH);
  bcrypt.hash(secret, salt, out);
  return out;
}

function sha512(bytes: Buffer): Buffer {
  return createHash("sha512").update(bytes).digest();
}
