import { typeOf, wire } from "./blob.ts";
import { countFields, isPlainKey } from "./shape.ts";
import { isCertificate, plainType } from "./type.ts";
import { Reader, readWith } from "./wire.ts";

/** A certificate as PROTOCOL.certkeys of OpenSSH has it. Whether its signature is right is another question. */
export interface Certificate {
  readonly type: string;
  readonly blob: Buffer;
  /** The public key it certifies, as a plain one. */
  readonly key: Buffer;
  /** Both are the authority's to give; 0 for no serial number. */
  readonly serial: bigint;
  readonly keyId: string;
  readonly kind: "user" | "host";
  readonly principals: readonly string[];
  /** Seconds since 1970: from the first on, and before the second, which is 2^64 - 1 for ever. */
  readonly validAfter: bigint;
  readonly validBefore: bigint;
  /** Names of critical options. */
  readonly criticalOptions: readonly string[];
  /** The key of who signed it. */
  readonly authority: Buffer;
  /** What is signed, and the signature. */
  readonly signed: Buffer;
  readonly signature: Buffer;
}

/** SSH_CERT_TYPE_USER and SSH_CERT_TYPE_HOST; there are no others. */
const KINDS: Readonly<Record<number, Certificate["kind"]>> = { 1: "user", 2: "host" };

/** Reads a certificate in its wire format; undefined when it is none, or makes no sense. */
export function parseCertificate(blob: Buffer): Certificate | undefined {
  return isCertificate(typeOf(blob)) ? readWith(blob, (reader) => read(blob, reader)) : undefined;
}

/** The same for a certificate of a user; undefined for a host's. */
export function parseUserCertificate(blob: Buffer): Certificate | undefined {
  const certificate = parseCertificate(blob);
  return certificate?.kind === "user" ? certificate : undefined;
}

/** The key itself, without the certificate it may be in; undefined for a certificate that makes no sense. */
export function plainKey(blob: Buffer): Buffer | undefined {
  return isCertificate(typeOf(blob)) ? parseCertificate(blob)?.key : blob;
}

/** Whether OpenSSH would take `blob` for a public key, or for a certificate, whose signature is not looked at. */
export function isPublicKey(blob: Buffer): boolean {
  const key = plainKey(blob);
  return key !== undefined && isPlainKey(key);
}

function read(blob: Buffer, reader: Reader): Certificate | undefined {
  const type = reader.text();
  const plain = plainType(type);
  const count = countFields(plain);
  if (count === undefined) return undefined;
  reader.string(); // nonce
  const key = wire(plain, ...Array.from({ length: count }, () => reader.string()));
  const serial = reader.uint64();
  const kind = KINDS[reader.uint32()];
  const keyId = reader.text();
  const principals = texts(reader.string());
  const validAfter = reader.uint64();
  const validBefore = reader.uint64();
  const criticalOptions = pairs(reader.string());
  pairs(reader.string()); // extensions
  reader.string(); // reserved
  const authority = reader.string();
  const signed = blob.subarray(0, reader.offset);
  const signature = reader.string();
  if (!reader.isOver || kind === undefined) return undefined;
  return {
    ...{ type, blob, key, serial, keyId, kind, principals, validAfter, validBefore },
    ...{ criticalOptions, authority, signed, signature },
  };
}

function texts(list: Buffer): readonly string[] {
  const reader = new Reader(list);
  return reader.all(() => reader.text());
}

/** The names of options, each with its data after it. */
function pairs(list: Buffer): readonly string[] {
  const reader = new Reader(list);
  return reader.all(() => {
    const name = reader.text();
    reader.string();
    return name;
  });
}
