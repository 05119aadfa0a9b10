import { createPrivateKey, type KeyObject, sign } from "node:crypto";
import { ownUid } from "../../own_process.ts";
import { quoted } from "../../shell_word.ts";
import { typeOf, wire } from "./blob.ts";
import { type Container, missingFrom, parseContainer, plainKey, unlockContainer } from "./container.ts";
import { isEncrypted, missingIn, pemIn, unlockPem } from "./pem.ts";
import { parsePublic, positive, publicBlob } from "./public_key.ts";
import { readRegular } from "./regular_file.ts";
import { isSupported, plainType } from "./type.ts";

/** What there is in an identity file and in the .pub beside it. */
export type Identity =
  /** A key that can be used as it is. */
  | { readonly kind: "private"; readonly path: string; readonly blob: Buffer; readonly key: KeyObject }
  /** A key that its passphrase unlocks; `blob` is undefined where the file does not tell without. */
  | {
      readonly kind: "encrypted";
      readonly path: string;
      readonly blob: Buffer | undefined;
      /** What it is encrypted with, where that cannot be undone here; asked for only where somebody would type. */
      readonly missing: () => string | undefined;
      /** Undefined when it is not the passphrase. Throws an UnusableKey for what is no key behind it, and the signal's reason. */
      readonly unlock: (passphrase: string, signal: AbortSignal) => Promise<KeyObject | undefined>;
    }
  /** Only an agent can use it; `why` completes "FILE ". */
  | {
      readonly kind: "public";
      readonly path: string;
      readonly blob: Buffer;
      readonly why: string;
      readonly hint?: string;
    }
  /** Of no use; `why` completes "FILE ". */
  | { readonly kind: "useless"; readonly path: string; readonly why: string; readonly hint?: string }
  | { readonly kind: "missing"; readonly path: string };

const ONLY_PUBLIC = "only its .pub file is there: copy the private key to its place";

/** Keys are a few kilobytes, but text may stand behind them. ssh(1) reads as much as 128 MiB (sshbuf.h). */
const LONGEST = 8 * 1024 * 1024;

/** Reads an identity as ssh(1) would with nobody to ask; `add` begins a line that adds keys to its agent. Never throws. */
export async function readIdentity(path: string, add = "ssh-add"): Promise<Identity> {
  const beside = await readPublic(`${path}.pub`);
  const text = await readPrivate(path);
  if (typeof text === "string") return understand(path, text, { beside, add });
  if (text.missing && beside === undefined) return { kind: "missing", path };
  const { why, hint, held = "" } = text;
  // Which key it is, counts as for ssh(1) where an agent has it.
  const blob = parseContainer(held)?.blob ?? beside;
  return withoutPrivate(path, blob, why, text.missing ? ONLY_PUBLIC : hint);
}

/** The certificate or public key in a .pub file; undefined for none. Never throws. */
export async function readPublic(path: string): Promise<Buffer | undefined> {
  const text = await readRegular(path, LONGEST).then(
    (file) => file.text,
    () => "",
  );
  return parsePublic(text);
}

const HASHES: Readonly<Record<string, string>> = {
  "rsa-sha2-256": "sha256",
  "rsa-sha2-512": "sha512",
  "ecdsa-sha2-nistp256": "sha256",
  "ecdsa-sha2-nistp384": "sha384",
  "ecdsa-sha2-nistp521": "sha512",
};

/** Signs with a key of a file; `algorithm` is the request's. Gives the whole signature as it goes to the server. */
export function signWith(key: KeyObject, data: Buffer, algorithm: string): Buffer {
  const type = plainType(algorithm);
  const hash = HASHES[type];
  if (type === "ssh-ed25519") return wire(type, sign(undefined, data, key));
  if (hash === undefined) throw new Error(`no ${algorithm}`);
  if (!type.startsWith("ecdsa-")) return wire(type, sign(hash, data, key));
  // RFC 5656 section 3.1.2: two numbers, each by itself.
  const both = sign(hash, data, { key, dsaEncoding: "ieee-p1363" });
  const half = both.length / 2;
  return wire(type, wire(positive(both.subarray(0, half)), positive(both.subarray(half))));
}

function withoutPrivate(path: string, blob: Buffer | undefined, why: string, hint?: string): Identity {
  const told = { path, why, ...(hint !== undefined && { hint }) };
  return blob === undefined ? { kind: "useless", ...told } : { kind: "public", blob, ...told };
}

interface Unread {
  readonly missing: boolean;
  readonly why: string;
  readonly hint: string;
  /** What is in the file, where that can be read. */
  readonly held?: string;
}

async function readPrivate(path: string): Promise<string | Unread> {
  try {
    const { text, facts } = await readRegular(path, LONGEST);
    const { uid, mode } = facts;
    // authfile.c: what is ours must be closed to others; what is another's is the administrator's affair.
    const isOpen = uid === ownUid() && (mode & 0o077) !== 0;
    if (!isOpen || parsePublic(text) !== undefined) return text;
    const permissions = (mode & 0o777).toString(8).padStart(4, "0");
    const hint = `close it: chmod 600 ${quoted(path)}`;
    return { missing: false, why: `is open to others (mode ${permissions})`, hint, held: text };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why = code === "ENOENT" ? "is missing" : `cannot be read (${code})`;
    return { missing: code === "ENOENT", why, hint: `look at it: ls -ld ${quoted(path)}` };
  }
}

function understand(
  path: string,
  text: string,
  { beside, add }: { readonly beside: Buffer | undefined; readonly add: string },
): Identity {
  const named = parsePublic(text);
  if (named !== undefined)
    return withoutPrivate(
      path,
      named,
      "holds only a public key",
      "name the file of the private key, or load that key into the agent",
    );
  const container = parseContainer(text);
  const known = container?.blob ?? beside;
  if (container !== undefined && !isSupported(typeOf(container.blob))) {
    return withoutPrivate(
      path,
      known,
      `holds a key of a kind that is not supported (${typeOf(container.blob)})`,
      "make another: ssh-keygen -t ed25519",
    );
  }
  if (container !== undefined && typeOf(container.blob).startsWith("sk-")) {
    const hint = `use the security key through an agent: ${add} ${quoted(path)}`;
    return withoutPrivate(path, known, "needs its security key", hint);
  }
  const pem = container === undefined ? (pemIn(text) ?? "") : "";
  const lock = lockOf(pem, container);
  if (lock !== undefined) return { kind: "encrypted", path, blob: known, ...lock };
  try {
    const key = container === undefined ? createPrivateKey(pem) : plainKey(container);
    return { kind: "private", path, blob: container?.blob ?? publicBlob(key), key };
  } catch {
    const { why, hint } = uselessness(path, text);
    return withoutPrivate(path, known, why, hint);
  }
}

/** How an encrypted key is unlocked; undefined for one that is not. */
function lockOf(pem: string, container: Container | undefined) {
  if (container !== undefined && container.cipher !== "none") {
    return {
      missing: () => missingFrom(container),
      unlock: (passphrase: string, signal: AbortSignal) => unlockContainer(container, passphrase, signal),
    };
  }
  if (container !== undefined || !isEncrypted(pem)) return undefined;
  return {
    missing: () => missingIn(pem),
    unlock: (passphrase: string, signal: AbortSignal) => unlockPem(pem, passphrase, signal),
  };
}

function uselessness(path: string, text: string): { readonly why: string; readonly hint?: string } {
  if (!text.startsWith("PuTTY-User-Key-File-")) return { why: "holds no key of a kind that is supported" };
  const hint = `puttygen ${quoted(path)} -O private-openssh -o ${quoted(`${path}.openssh`)}`;
  return { why: "is in PuTTY's format", hint: `make one of OpenSSH's, and name that: ${hint}` };
}
