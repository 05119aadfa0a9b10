import { createHash } from "node:crypto";

/** Public keys in the wire format of RFC 4253 section 6.6: a type, then what belongs to it, each a string. */

/** The string at `offset` (RFC 4251 section 5) and where the next one begins; undefined when cut short. */
function field(blob: Buffer, offset: number): { readonly bytes: Buffer; readonly next: number } | undefined {
  if (offset + 4 > blob.length) return undefined;
  const next = offset + 4 + blob.readUInt32BE(offset);
  return next > blob.length ? undefined : { bytes: blob.subarray(offset + 4, next), next };
}

/** The strings of a blob in order, all or the first few; undefined when it is not made of whole strings. */
export function fieldsOf(blob: Buffer, count = Number.POSITIVE_INFINITY): readonly Buffer[] | undefined {
  const fields: Buffer[] = [];
  for (let offset = 0; offset < blob.length && fields.length < count; ) {
    const found = field(blob, offset);
    if (found === undefined) return undefined;
    fields.push(found.bytes);
    offset = found.next;
  }
  return fields;
}

/** Strings in the wire format, one after the other. */
export function wire(...fields: readonly (Buffer | string)[]): Buffer {
  const parts = fields.flatMap((value) => {
    const bytes = Buffer.from(value);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    return [length, bytes];
  });
  return Buffer.concat(parts);
}

/** The type a public key says it has: "ssh-ed25519"; empty when there is none. */
export function typeOf(blob: Buffer): string {
  return field(blob, 0)?.bytes.toString("latin1") ?? "";
}

/** A key's fingerprint as ssh-keygen -l prints it: "SHA256:" and 43 characters. */
export function fingerprint(blob: Buffer): string {
  return `SHA256:${createHash("sha256").update(blob).digest("base64").replace(/=+$/, "")}`;
}

/** Bits of an RSA key's modulus; undefined for keys of another type. */
export function rsaBits(blob: Buffer): number | undefined {
  if (typeOf(blob) !== "ssh-rsa") return undefined;
  const modulus = fieldsOf(blob)?.[2];
  if (modulus === undefined) return 0;
  const first = modulus.findIndex((byte) => byte !== 0);
  if (first < 0) return 0;
  return (modulus.length - first) * 8 - (Math.clz32(modulus[first] ?? 0) - 24);
}
