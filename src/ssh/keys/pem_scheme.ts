import { createHash } from "node:crypto";
import { cipherNamed, decipher } from "./cipher.ts";
import type { Scheme } from "./scheme.ts";

/** Bytes of the IV that are the salt of the key, too (PKCS5_SALT_LEN of OpenSSL). */
const SALT = 8;

/**
 * Encryption of PEM itself, as RFC 1421 section 4.6.1 has its headers and EVP_BytesToKey(3) of OpenSSL the key, by one
 * round of MD5. The cipher's name where it is not there; undefined for a PEM without it.
 */
export function readPemScheme(pem: string): Scheme | string | undefined {
  const [, name = "", hex = ""] = /^DEK-Info: *([\w-]+),([\da-fA-F]*)/m.exec(pem) ?? [];
  if (name === "") return undefined;
  const cipher = cipherNamed(name.toLowerCase());
  if (cipher === undefined) return `the cipher ${name}`;
  const [, label] = /^-----BEGIN (RSA|EC)/.exec(pem) ?? [];
  const [, body = ""] = /\n\s*\n([^-]*)-----END/.exec(pem) ?? [];
  const iv = Buffer.from(hex, "hex");
  return {
    type: label === "RSA" ? "pkcs1" : "sec1",
    decrypt: async (passphrase) => {
      const key = bytesToKey(passphrase, iv.subarray(0, SALT), cipher.keyLength);
      return decipher(cipher, key, iv, Buffer.from(body, "base64"));
    },
  };
}

function bytesToKey(passphrase: string, salt: Buffer, length: number): Buffer {
  let [key, last] = [Buffer.alloc(0), Buffer.alloc(0)];
  while (key.length < length) {
    last = createHash("md5").update(last).update(passphrase).update(salt).digest();
    key = Buffer.concat([key, last]);
  }
  return key.subarray(0, length);
}
