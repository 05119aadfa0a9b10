import { once } from "node:events";
import { orAborted } from "../../abort.ts";
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
 * may ask for hundreds: a thread does it. What it runs is JavaScript, which can be stopped at any time. It is text since in
 * a program of one file there is no other to start a thread from. Throws the signal's reason.
 */
export async function derive(
  passphrase: string,
  { salt, rounds, length, signal }: Derivation,
): Promise<Buffer> {
  const data = { source: bcryptSource, passphrase: Buffer.from(passphrase), salt, rounds, length };
  const { Worker } = await import("node:worker_threads");
  const worker = new Worker(WORK, { eval: true, workerData: data, execArgv: [], env: {} });
  try {
    const [key] = await orAborted(once(worker, "message") as Promise<[Uint8Array]>, signal);
    return Buffer.from(key);
  } finally {
    void worker.terminate();
  }
}
