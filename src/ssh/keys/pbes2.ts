import { createDecipheriv, createPrivateKey, type KeyObject, pbkdf2, scrypt } from "node:crypto";
import { promisify } from "node:util";
import { onThreads } from "../../own_process.ts";
import { Der, TAG } from "./der.ts";

/*
 * Encrypted PKCS#8 by PBES2 (RFC 8018), part by part: BoringSSL, which Bun has, knows the parts, but neither scrypt
 * (RFC 7914) nor the longer hashes as parts of a key file.
 */

/** How a key is made of a passphrase, and what is decrypted with it. */
export interface Scheme {
  readonly derive: (passphrase: string, length: number) => Promise<Buffer>;
  readonly cipher: string;
  readonly keyLength: number;
  readonly iv: Buffer;
  readonly encrypted: Buffer;
}

const PBES2 = "1.2.840.113549.1.5.13";
const PBKDF2 = "1.2.840.113549.1.5.12";
const SCRYPT = "1.3.6.1.4.1.11591.4.11";

/** Names of ciphers, and the bytes of their keys. */
const CIPHERS: Readonly<Record<string, readonly [name: string, keyLength: number]>> = {
  "2.16.840.1.101.3.4.1.2": ["aes-128-cbc", 16],
  "2.16.840.1.101.3.4.1.22": ["aes-192-cbc", 24],
  "2.16.840.1.101.3.4.1.42": ["aes-256-cbc", 32],
  "1.2.840.113549.3.7": ["des-ede3-cbc", 24],
};

/** RFC 8018 appendix B.1; SHA-1 where none is named. */
const HASHES: Readonly<Record<string, string>> = {
  "1.2.840.113549.2.7": "sha1",
  "1.2.840.113549.2.8": "sha224",
  "1.2.840.113549.2.9": "sha256",
  "1.2.840.113549.2.10": "sha384",
  "1.2.840.113549.2.11": "sha512",
};

/** Bytes of memory that scrypt may take: 64 times what OpenSSL's own files take. */
const MOST_MEMORY = 1024 * 1024 * 1024;

/** How a key in PEM is encrypted; the name of it where it is not known here. */
export function schemeOf(pem: string): Scheme | string {
  const [, old] = /^DEK-Info: ([\w-]+)/m.exec(pem) ?? [];
  if (old !== undefined) return old;
  try {
    const [, body = ""] = /-----\s([^-]*)-----END/.exec(pem) ?? [];
    return readScheme(Buffer.from(body, "base64"));
  } catch (error) {
    if (error instanceof RangeError) return "a cipher that it does not name";
    throw error;
  }
}

/** Undefined for a wrong passphrase. What takes time is done beside the event loop. */
export async function unlockScheme(scheme: Scheme, passphrase: string): Promise<KeyObject | undefined> {
  const { derive, cipher, keyLength, iv, encrypted } = scheme;
  try {
    const key = await onThreads(() => derive(passphrase, keyLength));
    const decipher = createDecipheriv(cipher, key, iv);
    const der = Buffer.concat([decipher.update(encrypted), decipher.final()]);
    return createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  } catch {
    return undefined;
  }
}

/** EncryptedPrivateKeyInfo of RFC 5958 section 3. */
function readScheme(bytes: Buffer): Scheme | string {
  const all = new Der(bytes).sequence();
  const algorithm = all.sequence();
  const id = algorithm.objectId();
  if (id !== PBES2) return `the scheme ${id}`;
  const parts = algorithm.sequence();
  const derivation = parts.sequence();
  const encryption = parts.sequence();
  const derive = deriveBy(derivation.objectId(), derivation.sequence());
  const cipherId = encryption.objectId();
  const [cipher, keyLength = 0] = CIPHERS[cipherId] ?? [];
  if (cipher === undefined) return `the cipher ${cipherId}`;
  if (typeof derive === "string") return derive;
  return { derive, cipher, keyLength, iv: encryption.octets(), encrypted: all.octets() };
}

function deriveBy(id: string, how: Der): Scheme["derive"] | string {
  const salt = how.octets();
  if (id === SCRYPT) {
    const cost = { N: how.integer(), r: how.integer(), p: how.integer() };
    const maxmem = Math.min(MOST_MEMORY, 256 * cost.N * cost.r);
    return (passphrase, length) =>
      new Promise((resolve, reject) => {
        scrypt(passphrase, salt, length, { ...cost, maxmem }, (error, key) =>
          // Bun has undefined for no error.
          error instanceof Error ? reject(error) : resolve(key),
        );
      });
  }
  if (id !== PBKDF2) return `the derivation ${id}`;
  const rounds = how.integer();
  if (how.next === TAG.integer) how.integer(); // the length of the key
  const hashId = how.next === TAG.sequence ? how.sequence().objectId() : "1.2.840.113549.2.7";
  const hash = HASHES[hashId];
  if (hash === undefined) return `the hash ${hashId}`;
  return (passphrase, length) => promisify(pbkdf2)(passphrase, salt, rounds, length, hash);
}
