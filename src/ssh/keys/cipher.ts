import { createDecipheriv, getCipherInfo } from "node:crypto";

/** A cipher of key files, by its name in node:crypto. */
export interface Cipher {
  readonly name: string;
  /** Bytes. */
  readonly keyLength: number;
}

/** The cipher; undefined where this runtime does not have it. BoringSSL, which Bun has, has fewer than OpenSSL. */
export function cipherNamed(name: string): Cipher | undefined {
  try {
    const { keyLength, ivLength = 0 } = getCipherInfo(name) ?? { keyLength: 0 };
    // OpenSSL knows of ciphers that only its legacy provider has.
    createDecipheriv(name, Buffer.alloc(keyLength), Buffer.alloc(ivLength));
    return { name, keyLength };
  } catch {
    return undefined;
  }
}

/** What was encrypted; undefined for another key, as far as the padding shows it. */
export function decipher({ name }: Cipher, key: Buffer, iv: Buffer, encrypted: Buffer): Buffer | undefined {
  try {
    const how = createDecipheriv(name, key, iv);
    return Buffer.concat([how.update(encrypted), how.final()]);
  } catch {
    return undefined;
  }
}
