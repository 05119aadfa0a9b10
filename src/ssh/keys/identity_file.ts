import { createPrivateKey, type KeyObject, sign } from "node:crypto";
import ssh2 from "ssh2";
import { typeOf, wire } from "./blob.ts";
import { parsePublic, positive, publicBlob } from "./public_key.ts";
import { readRegular } from "./regular_file.ts";
import { plainType } from "./type.ts";
import { readWith } from "./wire.ts";

/** What there is in an identity file and in the .pub beside it. */
export type Identity =
  /** A key that can be used as it is. */
  | { readonly kind: "private"; readonly path: string; readonly blob: Buffer; readonly key: KeyObject }
  /** A key that its passphrase opens; `blob` is undefined where the file does not tell without. */
  | {
      readonly kind: "encrypted";
      readonly path: string;
      readonly blob: Buffer | undefined;
      /** Undefined when it is not the passphrase. Blocks for a quarter of a second: bcrypt in JavaScript. */
      readonly open: (passphrase: string) => KeyObject | undefined;
    }
  /** Only an agent can use it; `why` completes "FILE ". */
  | { readonly kind: "public"; readonly path: string; readonly blob: Buffer; readonly why: string }
  /** Of no use; `why` completes "FILE ". */
  | { readonly kind: "useless"; readonly path: string; readonly why: string }
  | { readonly kind: "missing"; readonly path: string };

/** Private keys are a few kilobytes. */
const LONGEST = 256 * 1024;

/** Reads an identity as ssh(1) would with nobody to ask. Never throws. */
export async function readIdentity(path: string): Promise<Identity> {
  const beside = await readPublic(`${path}.pub`);
  const text = await readPrivate(path);
  if (typeof text === "string") return understand(path, text, beside);
  if (text.missing && beside === undefined) return { kind: "missing", path };
  return withoutPrivate(path, beside, text.why);
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

function withoutPrivate(path: string, blob: Buffer | undefined, why: string): Identity {
  return blob === undefined ? { kind: "useless", path, why } : { kind: "public", path, blob, why };
}

interface Unread {
  readonly missing: boolean;
  readonly why: string;
}

async function readPrivate(path: string): Promise<string | Unread> {
  try {
    const { text, facts } = await readRegular(path, LONGEST);
    const { uid, mode } = facts;
    // authfile.c: what is ours must be closed to others; what is another's is the administrator's affair.
    const isOpen = uid === process.getuid?.() && (mode & 0o077) !== 0;
    if (!isOpen || parsePublic(text) !== undefined) return text;
    const permissions = (mode & 0o777).toString(8).padStart(4, "0");
    return { missing: false, why: `is open to others (mode ${permissions})` };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return { missing: code === "ENOENT", why: code === "ENOENT" ? "is missing" : `cannot be read (${code})` };
  }
}

function understand(path: string, text: string, beside: Buffer | undefined): Identity {
  const named = parsePublic(text);
  if (named !== undefined) return withoutPrivate(path, named, "holds only a public key");
  const container = parseContainer(text);
  const known = container?.blob ?? beside;
  const encrypted = container?.encrypted ?? /BEGIN ENCRYPTED PRIVATE KEY|^Proc-Type: 4,ENCRYPTED/m.test(text);
  if (encrypted)
    return { kind: "encrypted", path, blob: known, open: (passphrase) => unlock(text, passphrase) };
  if (container !== undefined && typeOf(container.blob).startsWith("sk-")) {
    return withoutPrivate(path, known, "needs its security key");
  }
  try {
    const key = createPrivateKey(container === undefined ? text : openContainer(text));
    return { kind: "private", path, blob: container?.blob ?? publicBlob(key), key };
  } catch {
    return withoutPrivate(path, known, "holds no key of a kind that is supported");
  }
}

interface Container {
  readonly encrypted: boolean;
  readonly blob: Buffer;
}

/** Reads the open part of OpenSSH's own format (PROTOCOL.key): the cipher and the public key. */
function parseContainer(text: string): Container | undefined {
  const [, body] =
    /-----BEGIN OPENSSH PRIVATE KEY-----([\s\S]*)-----END OPENSSH PRIVATE KEY-----/.exec(text) ?? [];
  const bytes = Buffer.from(body ?? "", "base64");
  const magic = "openssh-key-v1\0";
  if (!bytes.subarray(0, magic.length).equals(Buffer.from(magic))) return undefined;
  return readWith(bytes.subarray(magic.length), (reader) => {
    const cipher = reader.text();
    reader.string(); // how the key was made of the passphrase
    reader.string(); // the options of that
    reader.uint32(); // how many keys there are
    return { encrypted: cipher !== "none", blob: Buffer.from(reader.string()) };
  });
}

function unlock(text: string, passphrase: string): KeyObject | undefined {
  const isContainer = text.includes("BEGIN OPENSSH PRIVATE KEY");
  try {
    return createPrivateKey(isContainer ? openContainer(text, passphrase) : { key: text, passphrase });
  } catch {
    return undefined;
  }
}

function openContainer(text: string, passphrase?: string): string {
  const parsed = ssh2.utils.parseKey(text, passphrase);
  if (parsed instanceof Error) throw parsed;
  return parsed.getPrivatePEM();
}
