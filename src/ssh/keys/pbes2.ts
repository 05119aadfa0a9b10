import { getHashes } from "node:crypto";
import { aside, undecryptable } from "./aside.ts";
import { cipherNamed, decipher } from "./cipher.ts";
import { type Der, TAG } from "./der.ts";
import type { Scheme } from "./scheme.ts";

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

/** What the thread does: `how` are the function of node:crypto and what it is given beside passphrase, salt and length. */
const WORK = `
const { parentPort, workerData } = require("node:worker_threads");
const crypto = require("node:crypto");
const { passphrase, salt, length, how } = workerData;
let said;
try {
  const { rounds, hash, cost } = how;
  const key = cost === undefined
    ? crypto.pbkdf2Sync(passphrase, salt, rounds, length, hash)
    : crypto.scryptSync(passphrase, salt, length, cost);
  said = { key };
} catch ({ message }) {
  said = { message };
}
parentPort.postMessage(said);`;

/** What the thread says: bytes of a key, or why there are none. */
interface Said {
  readonly key?: Uint8Array;
  readonly message?: string;
}

/** How the bytes of a key are made, by PBKDF2 or by scrypt. */
type How =
  | { readonly rounds: number; readonly hash: string }
  | {
      readonly cost: { readonly N: number; readonly r: number; readonly p: number; readonly maxmem: number };
    };

interface Derivation {
  readonly salt: Buffer;
  readonly how: How;
}

/** PBES2-params of RFC 8018 appendix A.4; the name of what is not known here. Throws a RangeError where they are not sound. */
export function readPbes2(parts: Der, encrypted: Buffer): Scheme | string {
  const derivation = parts.sequence();
  const encryption = parts.sequence();
  const made = derivationOf(derivation.objectId(), derivation.sequence());
  const cipherId = encryption.objectId();
  const cipherName = CIPHERS[cipherId] ?? cipherId;
  const cipher = cipherNamed(cipherName);
  if (cipher === undefined) return `the cipher ${cipherName}`;
  if (typeof made === "string") return made;
  const iv = encryption.octets();
  return {
    type: "pkcs8",
    decrypt: async (passphrase, signal) => {
      const data = { ...made, passphrase, length: cipher.keyLength };
      const { key, message = "" } = await aside<Said>(WORK, data, signal);
      // The file asks for more memory than there can be, or for what makes no sense.
      if (key === undefined) throw undecryptable(message);
      return decipher(cipher, Buffer.from(key), iv, encrypted);
    },
  };
}

function derivationOf(id: string, parts: Der): Derivation | string {
  const salt = parts.octets();
  if (id === SCRYPT) {
    const cost = { N: parts.integer(), r: parts.integer(), p: parts.integer() };
    return { salt, how: { cost: { ...cost, maxmem: Math.min(MOST_MEMORY, 256 * cost.N * cost.r) } } };
  }
  if (id !== PBKDF2) return `the derivation ${id}`;
  const rounds = parts.integer();
  if (parts.next === TAG.integer) parts.integer(); // the length of the key
  const hashId = parts.next === TAG.sequence ? parts.sequence().objectId() : HMAC_SHA1;
  const hash = HASHES[hashId] ?? hashId;
  return getHashes().includes(hash) ? { salt, how: { rounds, hash } } : `the hash ${hash}`;
}
