import { createPrivateKey, type KeyObject } from "node:crypto";
import { publicBlob } from "./public_key.ts";

/** No passphrase makes the file one to log in with; `message` completes "FILE ". */
export class UnusableKey extends Error {}

/** What it is encrypted with cannot be undone here; `what` is the name of that. */
export function lacking(what: string): UnusableKey {
  return new UnusableKey(`is encrypted with ${what}, which this program does not have`);
}

/** The key in DER; undefined where the bytes are no DER, as after a wrong passphrase. Throws an UnusableKey. */
export function keyIn(bytes: Buffer, type: "pkcs8" | "pkcs1" | "sec1"): KeyObject | undefined {
  if (!isSequence(bytes)) return undefined;
  try {
    const key = createPrivateKey({ key: bytes, format: "der", type });
    publicBlob(key);
    return key;
  } catch {
    throw new UnusableKey("holds no key of a kind that is supported");
  }
}

/** Whether they are just one sequence of DER, of the lengths that keys have: two bytes of it, or three. */
function isSequence(bytes: Buffer): boolean {
  const [tag, first = 0] = bytes;
  const more = first < 0x80 ? 0 : first - 0x80;
  if (tag !== 0x30 || more > 2 || bytes.length < 2 + more) return false;
  const length = more === 0 ? first : bytes.readUIntBE(2, more);
  return bytes.length === 2 + more + length;
}
