import { typeOf, wire } from "./key_blob.ts";
import { signedWith } from "./signature.ts";

/** A certificate as PROTOCOL.certkeys of OpenSSH has it, whose signature is the authority's. */
export interface HostCertificate {
  /** The certified key itself, as a plain one. */
  readonly key: Buffer;
  /** The key of who signed it. */
  readonly authority: Buffer;
  /** What it was signed with: "rsa-sha2-512". */
  readonly algorithm: string;
  /** Both are the authority's to give; 0 for no serial number. */
  readonly serial: bigint;
  readonly keyId: string;
  readonly isForHost: boolean;
  readonly principals: readonly string[];
  /** Seconds since 1970: from the first on, and before the second. */
  readonly validAfter: bigint;
  readonly validBefore: bigint;
  /** Names of critical options. */
  readonly criticalOptions: readonly string[];
}

/** How many strings of the key stand in a certificate of each type. */
const KEY_FIELDS: ReadonlyMap<string, number> = new Map([
  ["ssh-ed25519", 1],
  ["ssh-rsa", 2],
  ["ecdsa-sha2-nistp256", 2],
  ["ecdsa-sha2-nistp384", 2],
  ["ecdsa-sha2-nistp521", 2],
]);

const SUFFIX = "-cert-v01@openssh.com";

/** SSH_CERT_TYPE_HOST of PROTOCOL.certkeys; a user's is 1, and there are no others. */
const USER = 1;
const HOST = 2;

/**
 * Reads a certificate in its wire format. Undefined when it makes no sense, when the signature is not the authority's or
 * made with SHA-1, and when the authority is itself a certificate or a security key.
 */
export function parseCertificate(blob: Buffer): HostCertificate | undefined {
  try {
    return read(blob);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function read(blob: Buffer): HostCertificate | undefined {
  const reader = new Reader(blob);
  const type = reader.text();
  const plain = type.endsWith(SUFFIX) ? type.slice(0, -SUFFIX.length) : "";
  const count = KEY_FIELDS.get(plain);
  if (count === undefined) return undefined;
  reader.string(); // nonce
  const key = wire(plain, ...Array.from({ length: count }, () => reader.string()));
  const serial = reader.uint64();
  const kind = reader.uint32();
  const keyId = reader.text();
  const principals = strings(reader.string());
  const validAfter = reader.uint64();
  const validBefore = reader.uint64();
  const criticalOptions = pairs(reader.string());
  pairs(reader.string()); // extensions
  reader.string(); // reserved
  const authority = reader.string();
  const signed = blob.subarray(0, reader.offset);
  const signature = reader.string();
  if (reader.offset !== blob.length || (kind !== USER && kind !== HOST)) return undefined;
  if (!KEY_FIELDS.has(typeOf(authority))) return undefined;
  const algorithm = signedWith(authority, signed, signature);
  if (algorithm === undefined) return undefined;
  const isForHost = kind === HOST;
  return {
    ...{ key, authority, algorithm, serial, keyId, isForHost },
    ...{ principals, validAfter, validBefore, criticalOptions },
  };
}

function strings(list: Buffer): readonly string[] {
  const found: string[] = [];
  for (const reader = new Reader(list); reader.offset < list.length; ) found.push(reader.text());
  return found;
}

/** The names of options, each with its data after it. */
function pairs(list: Buffer): readonly string[] {
  const found: string[] = [];
  for (const reader = new Reader(list); reader.offset < list.length; reader.string()) {
    found.push(reader.text());
  }
  return found;
}

/** The types of RFC 4251 section 5, one after another. Throws a RangeError at the end. */
class Reader {
  readonly #bytes: Buffer;
  offset = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  uint32(): number {
    this.offset += 4;
    return this.#bytes.readUInt32BE(this.offset - 4);
  }

  uint64(): bigint {
    this.offset += 8;
    return this.#bytes.readBigUInt64BE(this.offset - 8);
  }

  string(): Buffer {
    const length = this.uint32();
    const start = this.offset;
    this.offset += length;
    if (this.offset > this.#bytes.length) throw new RangeError("cut short");
    return this.#bytes.subarray(start, this.offset);
  }

  text(): string {
    return this.string().toString("latin1");
  }
}
