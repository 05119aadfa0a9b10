import type { KeyObject } from "node:crypto";
import { Der } from "./der.ts";
import { readPbes2 } from "./pbes2.ts";
import { readPemScheme } from "./pem_scheme.ts";
import { pkcs12Scheme } from "./pkcs12_scheme.ts";
import type { Scheme } from "./scheme.ts";
import { keyIn, lacking } from "./unusable_key.ts";

/* Private keys in PEM: PKCS#8 (RFC 5958), and the older forms of OpenSSL, PKCS#1 and SEC1. */

const PBES2 = "1.2.840.113549.1.5.13";

/** With headers, if there are any (RFC 1421 section 4.6), and base64. */
const PRIVATE =
  /-----BEGIN ((?:RSA |EC |ENCRYPTED )?PRIVATE KEY)-----\s(?:\s*[\w-]+: [^\r\n]*)*[a-zA-Z0-9+/=\s]*-----END \1-----/;

/** The first private key in a text, which may have other things around it: parameters, certificates, words. */
export function pemIn(text: string): string | undefined {
  return PRIVATE.exec(text)?.[0].replace(/\r\n?/g, "\n");
}

export function isEncrypted(pem: string): boolean {
  return /BEGIN ENCRYPTED PRIVATE KEY|^Proc-Type: 4,ENCRYPTED/m.test(pem);
}

/** Undefined for a wrong passphrase. Throws an UnusableKey, and the signal's reason. */
export async function unlockPem(
  pem: string,
  passphrase: string,
  signal: AbortSignal,
): Promise<KeyObject | undefined> {
  const scheme = schemeOf(pem);
  if (typeof scheme === "string") throw lacking(scheme);
  const plain = await scheme.decrypt(passphrase, signal);
  return plain && keyIn(plain, scheme.type);
}

/** What it is encrypted with, if that cannot be undone here. */
export function missingIn(pem: string): string | undefined {
  const scheme = schemeOf(pem);
  return typeof scheme === "string" ? scheme : undefined;
}

/** How it is encrypted; the name of it where that cannot be undone here. */
function schemeOf(pem: string): Scheme | string {
  const old = readPemScheme(pem);
  if (old !== undefined) return old;
  try {
    const [, body = ""] = /-----\s([^-]*)-----END/.exec(pem) ?? [];
    return readPkcs8(Buffer.from(body, "base64"));
  } catch (error) {
    if (error instanceof RangeError) return "a cipher that it does not name";
    throw error;
  }
}

/** EncryptedPrivateKeyInfo of RFC 5958 section 3. */
function readPkcs8(bytes: Buffer): Scheme | string {
  const all = new Der(bytes).sequence();
  const algorithm = all.sequence();
  const id = algorithm.objectId();
  if (id === PBES2) return readPbes2(algorithm.sequence(), all.octets());
  return pkcs12Scheme(id, bytes) ?? `the scheme ${id}`;
}
