import { aside } from "./aside.ts";
import { bcryptSource } from "./bcrypt_source.ts";

/** What a key is made by, beside the passphrase. */
export interface Derivation {
  readonly salt: Buffer;
  readonly rounds: number;
  /** Bytes. */
  readonly length: number;
  /** Aborted when nobody waits for it any more. */
  readonly signal: AbortSignal;
}

/**
 * What the thread does. All that the library requires is SHA-512, which the runtime has. The library's text comes as data:
 * of a thread's own text, where it is long, Bun keeps a translation below ~/.cache.
 */
const WORK = `
const { parentPort, workerData } = require("node:worker_threads");
const { createHash } = require("node:crypto");
const crypto_hash = (sum, bytes, length) =>
  sum.set(createHash("sha512").update(bytes.subarray(0, length)).digest());
const library = { exports: {} };
const { source, passphrase, salt, rounds, length } = workerData;
new Function("module", "require", source)(library, () => ({ lowlevel: { crypto_hash } }));
const key = new Uint8Array(length);
library.exports.pbkdf(passphrase, passphrase.length, salt, salt.length, key, length, rounds);
parentPort.postMessage(key);`;

/**
 * Makes a key of a passphrase by bcrypt_pbkdf(3) of OpenBSD. Each round takes a hundredth of a second, and `ssh-keygen -a`
 * may ask for hundreds. Throws the signal's reason.
 */
export async function derive(
  passphrase: string,
  { salt, rounds, length, signal }: Derivation,
): Promise<Buffer> {
  const data = { source: bcryptSource, passphrase: Buffer.from(passphrase), salt, rounds, length };
  return Buffer.from(await aside<Uint8Array>(WORK, data, signal));
}
