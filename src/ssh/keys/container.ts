import { createDecipheriv, createPrivateKey, type KeyObject } from "node:crypto";
import ssh2 from "ssh2";
import { wire } from "./blob.ts";
import { lacking, UnusableKey } from "./unusable_key.ts";
import { readWith } from "./wire.ts";

/** OpenSSH's own format of a private key, PROTOCOL.key. */
export interface Container {
  readonly cipher: string;
  /** "none" or "bcrypt". */
  readonly derivation: string;
  readonly salt: Buffer;
  readonly rounds: number;
  /** The public key. */
  readonly blob: Buffer;
  readonly encrypted: Buffer;
  /** What authenticates it, where the cipher does. */
  readonly tag: Buffer;
}

const MAGIC = "openssh-key-v1\0";

/** Ciphers of cipher.c: the name in node:crypto, and the bytes of key and IV. Some have a tag of 16 bytes. */
const CIPHERS: Readonly<Record<string, readonly [name: string, key: number, iv: number]>> = {
  "3des-cbc": ["des-ede3-cbc", 24, 8],
  "aes128-cbc": ["aes-128-cbc", 16, 16],
  "aes192-cbc": ["aes-192-cbc", 24, 16],
  "aes256-cbc": ["aes-256-cbc", 32, 16],
  "aes128-ctr": ["aes-128-ctr", 16, 16],
  "aes192-ctr": ["aes-192-ctr", 24, 16],
  "aes256-ctr": ["aes-256-ctr", 32, 16],
  "aes128-gcm@openssh.com": ["aes-128-gcm", 16, 12],
  "aes256-gcm@openssh.com": ["aes-256-gcm", 32, 12],
  "chacha20-poly1305@openssh.com": ["chacha20-poly1305", 64, 0],
};

/** Reads what is open: the cipher and the public key. Undefined where the text has no such key. */
export function parseContainer(text: string): Container | undefined {
  const [, body] =
    /-----BEGIN OPENSSH PRIVATE KEY-----(.*?)-----END OPENSSH PRIVATE KEY-----/s.exec(text) ?? [];
  const bytes = Buffer.from(body ?? "", "base64");
  if (!bytes.subarray(0, MAGIC.length).equals(Buffer.from(MAGIC))) return undefined;
  return readWith(bytes.subarray(MAGIC.length), (reader) => {
    const cipher = reader.text();
    const derivation = reader.text();
    const options = reader.string();
    if (reader.uint32() !== 1) return undefined;
    const blob = Buffer.from(reader.string());
    const encrypted = reader.string();
    const tag = reader.rest();
    const how = readWith(options, (inner) => ({ salt: inner.string(), rounds: inner.uint32() }));
    return { cipher, derivation, blob, encrypted, tag, ...(how ?? { salt: Buffer.alloc(0), rounds: 0 }) };
  });
}

/** What it is encrypted with, if that cannot be undone here. */
export function missingFrom({ cipher, derivation }: Container): string | undefined {
  if (!Object.hasOwn(CIPHERS, cipher)) return `the cipher ${cipher}`;
  return derivation === "bcrypt" ? undefined : `the derivation ${derivation}`;
}

/** The private key; undefined for a wrong passphrase. Throws an UnusableKey, and the signal's reason. */
export async function unlockContainer(
  container: Container,
  passphrase: string,
  signal: AbortSignal,
): Promise<KeyObject | undefined> {
  const missing = missingFrom(container);
  const [name, keyLength, ivLength] = CIPHERS[container.cipher] ?? ["", 0, 0];
  if (missing !== undefined) throw lacking(missing);
  const { salt, rounds } = container;
  const { derive } = await import("./derive.ts");
  const made = await derive(passphrase, { salt, rounds, length: keyLength + ivLength, signal });
  const secret = { name, key: made.subarray(0, keyLength), iv: made.subarray(keyLength) };
  const plain = await decrypt(container, secret);
  return plain && isRight(plain) ? keyIn(container.blob, plain) : undefined;
}

/** The private key of one that has no passphrase. Throws an UnusableKey. */
export function plainKey({ blob, encrypted }: Container): KeyObject {
  return keyIn(blob, encrypted);
}

interface Secret {
  readonly name: string;
  readonly key: Buffer;
  readonly iv: Buffer;
}

/** Undefined where the tag says that it is another key. */
async function decrypt(
  { encrypted, tag }: Container,
  { name, key, iv }: Secret,
): Promise<Buffer | undefined> {
  try {
    if (name === "chacha20-poly1305") {
      const { ChaChaKey } = await import("./chacha20_poly1305.ts");
      const chacha = new ChaChaKey(key);
      return chacha.isTag(tag, 0, encrypted) ? chacha.content(0, encrypted) : undefined;
    }
    if (name === "aes-128-gcm" || name === "aes-256-gcm") {
      const decipher = createDecipheriv(name, key, iv).setAuthTag(tag);
      return Buffer.concat([decipher.update(encrypted), decipher.final()]);
    }
    const decipher = createDecipheriv(name, key, iv).setAutoPadding(false);
    return Buffer.concat([decipher.update(encrypted), decipher.final()]);
  } catch {
    return undefined;
  }
}

/** The same number twice, which only the right key shows. */
function isRight(plain: Buffer): boolean {
  return plain.subarray(0, 4).equals(plain.subarray(4, 8));
}

/** ssh2 knows the numbers of each kind; it is given the key as one without a passphrase. */
function keyIn(blob: Buffer, plain: Buffer): KeyObject {
  const one = Buffer.from([0, 0, 0, 1]);
  const bytes = Buffer.concat([Buffer.from(MAGIC), wire("none", "none", ""), one, wire(blob, plain)]);
  const lines = bytes.toString("base64").replace(/.{70}/g, "$&\n");
  const kind = "OPENSSH PRIVATE KEY";
  const parsed = ssh2.utils.parseKey(`-----BEGIN ${kind}-----\n${lines}\n-----END ${kind}-----`);
  if (parsed instanceof Error) throw new UnusableKey("holds no sound key");
  return createPrivateKey(parsed.getPrivatePEM());
}
