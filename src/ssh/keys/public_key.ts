import { createPublicKey, type KeyObject } from "node:crypto";
import { typeOf, wire } from "./blob.ts";

/** The key of a .pub file, `ssh-ed25519 AAAA... comment`; undefined when it is none. */
export function parsePublic(text: string): Buffer | undefined {
  const [, type, encoded = ""] = /^([\w.@-]+)[ \t]+([\w+/=]+)/.exec(text.trimStart()) ?? [];
  const blob = Buffer.from(encoded, "base64");
  return type !== undefined && typeOf(blob) === type ? blob : undefined;
}

/** The public half in the wire format: RFC 4253 section 6.6, RFC 5656 section 3.1, RFC 8709 section 4. */
export function publicBlob(key: KeyObject): Buffer {
  const { kty, crv = "", n = "", e = "", x = "", y = "" } = createPublicKey(key).export({ format: "jwk" });
  const bytes = (text: unknown) => Buffer.from(String(text), "base64url");
  const curves: Readonly<Record<string, string>> = {
    "P-256": "nistp256",
    "P-384": "nistp384",
    "P-521": "nistp521",
  };
  const curve = curves[crv];
  if (kty === "RSA") return wire("ssh-rsa", positive(bytes(e)), positive(bytes(n)));
  if (kty === "OKP" && crv === "Ed25519") return wire("ssh-ed25519", bytes(x));
  if (curve === undefined) throw new Error(`no such key: ${kty} ${crv}`);
  const point = Buffer.concat([Buffer.from([4]), bytes(x), bytes(y)]);
  return wire(`ecdsa-sha2-${curve}`, curve, point);
}

/** A positive number as an mpint of RFC 4251 section 5: no needless zeros, but one before a first bit of one. */
export function positive(bytes: Buffer): Buffer {
  const first = bytes.findIndex((byte) => byte !== 0);
  const digits = first < 0 ? Buffer.alloc(0) : bytes.subarray(first);
  return (digits[0] ?? 0) < 0x80 ? digits : Buffer.concat([Buffer.from([0]), digits]);
}
