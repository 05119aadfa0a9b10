import { createPrivateKey } from "node:crypto";
import { aside } from "./aside.ts";
import type { Scheme } from "./scheme.ts";
import { UnusableKey } from "./unusable_key.ts";

/*
 * Encrypted PKCS#8 by the schemes of PKCS#12 (RFC 7292 appendix C), of which the runtimes know the whole and no part. They
 * have no rounds to take turns between, and a file may ask for any number of them: a thread of its own opens it.
 */

/** Their names (RFC 7292 appendix C), of which only the last number differs. */
const NAMES = /^1\.2\.840\.113549\.1\.12\.1\.([1-6])$/;

/** A file that is encrypted by that one with a single round: whether the runtime knows it, shows at once. */
const sample = (last: string) =>
  `3027301b060a2a864886f70d010c010${last}300d0408${"00".repeat(8)}0201010408${"00".repeat(8)}`;

/** What the thread does. */
const WORK = `
const { parentPort, workerData } = require("node:worker_threads");
const { createPrivateKey } = require("node:crypto");
let said;
try {
  const key = createPrivateKey({ ...workerData, key: Buffer.from(workerData.key), format: "der", type: "pkcs8" });
  said = { key: key.export({ format: "der", type: "pkcs8" }) };
} catch ({ code }) {
  said = { code: String(code) };
}
parentPort.postMessage(said);`;

/** The scheme of this name; its name where the runtime does not have it, undefined where it is none of PKCS#12's. */
export function pkcs12Scheme(id: string, bytes: Buffer): Scheme | string | undefined {
  const [, last] = NAMES.exec(id) ?? [];
  if (last === undefined) return undefined;
  if (!isKnown(sample(last))) return `the scheme ${id}`;
  return {
    type: "pkcs8",
    decrypt: (passphrase, signal) => decryptAside({ key: bytes, passphrase }, signal),
  };
}

function isKnown(hex: string): boolean {
  try {
    createPrivateKey({ key: Buffer.from(hex, "hex"), format: "der", type: "pkcs8", passphrase: "?" });
    return true;
  } catch (error) {
    return !isUnsupported((error as { readonly code?: unknown }).code);
  }
}

/** Of OpenSSL and of BoringSSL. A wrong passphrase leads to another one: "bad decrypt", or of whatever decodes the noise. */
function isUnsupported(code: unknown): boolean {
  return /^ERR_OSSL_(EVP_UNSUPPORTED$|UNKNOWN_ALGORITHM|UNSUPPORTED_)/.test(String(code));
}

/** What the thread says. */
interface Said {
  readonly key?: Uint8Array;
  readonly code?: string;
}

async function decryptAside(
  data: { readonly key: Buffer; readonly passphrase: string },
  signal: AbortSignal,
): Promise<Buffer | undefined> {
  const { key, code } = await aside<Said>(WORK, data, signal);
  if (isUnsupported(code)) throw new UnusableKey("holds no key of a kind that is supported");
  return key && Buffer.from(key);
}
