import { getHashes, pbkdf2, scrypt } from "node:crypto";
import { promisify } from "node:util";
import { orAborted } from "../../abort.ts";
import { onThreads } from "../../own_process.ts";
import { cipherNamed, decipher } from "./cipher.ts";
import { type Der, TAG } from "./der.ts";
import type { Scheme } from "./scheme.ts";
import { UnusableKey } from "./unusable_key.ts";

/*
 * Encrypted PKCS#8 by PBES2 (RFC 8018), part by part: BoringSSL, which Bun has, knows the parts, but neither scrypt
 * (RFC 7914) nor the longer hashes as parts of a key file.
 */

const PBKDF2 = "1.2.840.113549.1.5.12";
const SCRYPT = "1.3.6.1.4.1.11591.4.11";

/** Names of ciphers: of RFC 8018 appendix B.2 and of NIST, and those that OpenSSL takes beside them. */
const CIPHERS: Readonly<Record<string, string>> = {
  "1.2.840.113549.3.7": "des-ede3-cbc",
  "2.16.840.1.101.3.4.1.2": "aes-128-cbc",
  "2.16.840.1.101.3.4.1.3": "aes-128-ofb",
  "2.16.840.1.101.3.4.1.4": "aes-128-cfb",
  "2.16.840.1.101.3.4.1.22": "aes-192-cbc",
  "2.16.840.1.101.3.4.1.23": "aes-192-ofb",
  "2.16.840.1.101.3.4.1.24": "aes-192-cfb",
  "2.16.840.1.101.3.4.1.42": "aes-256-cbc",
  "2.16.840.1.101.3.4.1.43": "aes-256-ofb",
  "2.16.840.1.101.3.4.1.44": "aes-256-cfb",
  "1.2.392.200011.61.1.1.1.2": "camellia-128-cbc",
  "1.2.392.200011.61.1.1.1.3": "camellia-192-cbc",
  "1.2.392.200011.61.1.1.1.4": "camellia-256-cbc",
  "1.2.410.200046.1.1.2": "aria-128-cbc",
  "1.2.410.200046.1.1.7": "aria-192-cbc",
  "1.2.410.200046.1.1.12": "aria-256-cbc",
  "1.2.156.10197.1.104.2": "sm4-cbc",
};

const HMAC_SHA1 = "1.2.840.113549.2.7";

/** Hashes of HMACs, RFC 8018 appendix B.1. */
const HASHES: Readonly<Record<string, string>> = {
  "1.2.840.113549.2.6": "md5",
  [HMAC_SHA1]: "sha1",
  "1.2.840.113549.2.8": "sha224",
  "1.2.840.113549.2.9": "sha256",
  "1.2.840.113549.2.10": "sha384",
  "1.2.840.113549.2.11": "sha512",
  "1.2.840.113549.2.12": "sha512-224",
  "1.2.840.113549.2.13": "sha512-256",
};

/** Bytes of memory that scrypt may take: 64 times what OpenSSL's own files take. */
const MOST_MEMORY = 1024 * 1024 * 1024;

/** Makes the bytes of a key. */
type Derive = (passphrase: string, length: number) => Promise<Buffer>;

/** PBES2-params of RFC 8018 appendix A.4; the name of what is not known here. Throws a RangeError where they are not sound. */
export function readPbes2(parts: Der, encrypted: Buffer): Scheme | string {
  const derivation = parts.sequence();
  const encryption = parts.sequence();
  const derive = deriveBy(derivation.objectId(), derivation.sequence());
  const cipherId = encryption.objectId();
  const cipherName = CIPHERS[cipherId] ?? cipherId;
  const cipher = cipherNamed(cipherName);
  if (cipher === undefined) return `the cipher ${cipherName}`;
  if (typeof derive === "string") return derive;
  const iv = encryption.octets();
  return {
    type: "pkcs8",
    decrypt: async (passphrase, signal) => {
      const deriving = onThreads(() => derive(passphrase, cipher.keyLength));
      const key = await orAborted(deriving.catch(cannotDerive), signal);
      return decipher(cipher, key, iv, encrypted);
    },
  };
}

/** The file asks for more memory than there can be, or for what makes no sense. */
function cannotDerive(error: Error): never {
  throw new UnusableKey(`cannot be decrypted (${error.message})`);
}

function deriveBy(id: string, how: Der): Derive | string {
  const salt = how.octets();
  if (id === SCRYPT) {
    const cost = { N: how.integer(), r: how.integer(), p: how.integer() };
    const maxmem = Math.min(MOST_MEMORY, 256 * cost.N * cost.r);
    return async (passphrase, length) =>
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
  const hashId = how.next === TAG.sequence ? how.sequence().objectId() : HMAC_SHA1;
  const hash = HASHES[hashId] ?? hashId;
  if (!getHashes().includes(hash)) return `the hash ${hash}`;
  return async (passphrase, length) => promisify(pbkdf2)(passphrase, salt, rounds, length, hash);
}
