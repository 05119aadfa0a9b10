import { createHash } from "node:crypto";
import { readWith } from "./wire.ts";

/** Public keys in the wire format of RFC 4253 section 6.6: a type, then what belongs to it, each a string. */

/** The strings of a blob in order, all or the first few; undefined when it is not made of whole strings. */
export function fieldsOf(blob: Buffer, count = Number.POSITIVE_INFINITY): readonly Buffer[] | undefined {
  return readWith(blob, (reader) => {
    const fields: Buffer[] = [];
    while (!reader.isOver && fields.length < count) fields.push(reader.string());
    return fields;
  });
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
  return fieldsOf(blob, 1)?.[0]?.toString("latin1") ?? "";
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
