import { fieldsOf, typeOf, wire } from "./key_blob.ts";
import { isCertificate, plainType } from "./key_type.ts";

/** A user certificate, as far as its owner needs to know it. */
export interface Certificate {
  readonly type: string;
  readonly blob: Buffer;
  /** The public key it certifies, in the wire format of its own. */
  readonly key: Buffer;
  /** Milliseconds since 1970 from which on no server takes it; undefined for ever. */
  readonly expires: number | undefined;
}

/** How many strings of a certificate are its key: PROTOCOL.certkeys. */
const KEY_FIELDS: Readonly<Record<string, number>> = {
  "ssh-rsa": 2,
  "ecdsa-sha2-nistp256": 2,
  "ecdsa-sha2-nistp384": 2,
  "ecdsa-sha2-nistp521": 2,
  "ssh-ed25519": 1,
  "sk-ssh-ed25519@openssh.com": 2,
  "sk-ecdsa-sha2-nistp256@openssh.com": 3,
};

/** SSH_CERT_TYPE_USER. */
const USER = 1;

/** Reads a public key blob; undefined when it is no certificate for users. Its signature is the server's affair. */
export function parseCertificate(blob: Buffer): Certificate | undefined {
  const type = typeOf(blob);
  const own = plainType(type);
  const count = KEY_FIELDS[own];
  if (!isCertificate(type) || count === undefined) return undefined;
  const head = fieldsOf(blob, 2 + count);
  if (head === undefined || head.length < 2 + count) return undefined;
  // Then a serial number (uint64), the kind (uint32), the key's id, the principals, and the two ends of its time.
  const kind = sizeOf(head) + 8;
  const names = fieldsOf(blob.subarray(kind + 4), 2);
  if (names?.length !== 2) return undefined;
  const before = kind + 4 + sizeOf(names) + 8;
  if (blob.length < before + 8 || blob.readUInt32BE(kind) !== USER) return undefined;
  const seconds = blob.readBigUInt64BE(before);
  const expires = seconds === 0xffff_ffff_ffff_ffffn ? undefined : Number(seconds) * 1000;
  return { type, blob, key: wire(own, ...head.slice(2)), expires };
}

function sizeOf(fields: readonly Buffer[]): number {
  return fields.reduce((sum, { length }) => sum + 4 + length, 0);
}
