import { createPrivateKey, type KeyObject } from "node:crypto";
import { schemeOf, unlockScheme } from "./pbes2.ts";

/* Private keys in PEM: PKCS#8 (RFC 5958), and the older forms of OpenSSL, PKCS#1 and SEC1. */

/** The file is encrypted in a way that this runtime cannot undo; `message` is the way's name. */
export class MissingCipher extends Error {}

const PRIVATE = /-----BEGIN ((?:RSA |EC |ENCRYPTED )?PRIVATE KEY)-----.*?-----END \1-----/s;

/** The first private key in a text, which may have other things around it: parameters, certificates, words. */
export function pemIn(text: string): string | undefined {
  return PRIVATE.exec(text)?.[0];
}

export function isEncrypted(pem: string): boolean {
  return /BEGIN ENCRYPTED PRIVATE KEY|^Proc-Type: 4,ENCRYPTED/m.test(pem);
}

/** Undefined for a wrong passphrase. Throws a MissingCipher. */
export async function unlockPem(pem: string, passphrase: string): Promise<KeyObject | undefined> {
  const scheme = schemeOf(pem);
  return typeof scheme === "string" ? unlockWhole(pem, passphrase, scheme) : unlockScheme(scheme, passphrase);
}

/** What is not known in its parts is left to the runtime; `scheme` is its name. */
function unlockWhole(pem: string, passphrase: string, scheme: string): KeyObject | undefined {
  try {
    return createPrivateKey({ key: pem, passphrase });
  } catch (error) {
    if (isUnsupported(error)) throw new MissingCipher(scheme);
    return undefined;
  }
}

/** What it is encrypted with, if that cannot be undone here. */
export function missingIn(pem: string): string | undefined {
  const scheme = schemeOf(pem);
  if (typeof scheme !== "string") return undefined;
  try {
    unlockWhole(pem, "?", scheme);
    return undefined;
  } catch (error) {
    if (error instanceof MissingCipher) return error.message;
    throw error;
  }
}

/**
 * Of OpenSSL and of BoringSSL. A wrong passphrase leads to another error: "bad decrypt", or of whatever decodes what comes
 * out.
 */
function isUnsupported(error: unknown): boolean {
  const { code } = error as { readonly code?: unknown };
  return /^ERR_OSSL_(EVP_UNSUPPORTED$|UNKNOWN_ALGORITHM|UNSUPPORTED_|PEM_UNSUPPORTED)/.test(String(code));
}
