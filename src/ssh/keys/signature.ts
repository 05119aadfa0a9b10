import { createPublicKey, type KeyObject, verify } from "node:crypto";
import { fieldsOf } from "./blob.ts";

/** Hashes and curves of RFC 5656 sections 6.2.1 and 10.1. */
const CURVES: Readonly<Record<string, readonly [curve: string, hash: string, size: number]>> = {
  "ecdsa-sha2-nistp256": ["P-256", "sha256", 32],
  "ecdsa-sha2-nistp384": ["P-384", "sha384", 48],
  "ecdsa-sha2-nistp521": ["P-521", "sha512", 66],
};

/** RFC 8332 section 3. SHA-1, which is RFC 4253's "ssh-rsa", is not taken. */
const RSA_HASHES: Readonly<Record<string, string>> = { "rsa-sha2-256": "sha256", "rsa-sha2-512": "sha512" };

/**
 * The algorithm of a signature ("rsa-sha2-512") over `data`, when it is by `key`; both are in the wire format of RFC
 * 4253 section 6.6. Undefined for a wrong one, for kinds of keys that are not supported, and for what makes no sense.
 */
export function signedWith(key: Buffer, data: Buffer, signature: Buffer): string | undefined {
  const [name, bytes, more] = fieldsOf(signature) ?? [];
  const fields = fieldsOf(key);
  if (name === undefined || bytes === undefined || more !== undefined || fields === undefined)
    return undefined;
  const algorithm = name.toString("latin1");
  try {
    return isRight(fields, algorithm, data, bytes) ? algorithm : undefined;
  } catch {
    // node:crypto's words for numbers that are no key.
    return undefined;
  }
}

function isRight(key: readonly Buffer[], algorithm: string, data: Buffer, bytes: Buffer): boolean {
  const [first, ...parts] = key;
  const type = first?.toString("latin1") ?? "";
  const curve = CURVES[type];
  if (type === "ssh-ed25519" && algorithm === type) return verify(null, data, ed25519(parts), bytes);
  if (type === "ssh-rsa") {
    const hash = RSA_HASHES[algorithm];
    return hash !== undefined && verify(hash, data, rsa(parts), bytes);
  }
  if (curve === undefined || algorithm !== type) return false;
  const [name, hash, size] = curve;
  const numbers = fieldsOf(bytes)?.map((one) => padded(one, size)) ?? [];
  if (numbers.length !== 2) return false;
  const point = { key: ecdsa(parts, name, size), dsaEncoding: "ieee-p1363" } as const;
  return verify(hash, data, point, Buffer.concat(numbers));
}

function ed25519([x = Buffer.alloc(0), ...more]: readonly Buffer[]): KeyObject {
  if (more.length > 0) throw new Error("more than a key");
  return publicKey({ kty: "OKP", crv: "Ed25519", x: x.toString("base64url") });
}

function rsa([e = Buffer.alloc(0), n = Buffer.alloc(0), ...more]: readonly Buffer[]): KeyObject {
  if (more.length > 0) throw new Error("more than a key");
  return publicKey({
    kty: "RSA",
    e: unsigned(e).toString("base64url"),
    n: unsigned(n).toString("base64url"),
  });
}

/** The point is uncompressed: RFC 5656 section 3.1. */
function ecdsa(parts: readonly Buffer[], crv: string, size: number): KeyObject {
  const point = parts[1];
  if (parts.length !== 2 || point?.length !== 1 + 2 * size || point[0] !== 4)
    throw new Error("no such point");
  const x = point.subarray(1, 1 + size).toString("base64url");
  return publicKey({ kty: "EC", crv, x, y: point.subarray(1 + size).toString("base64url") });
}

function publicKey(key: Readonly<Record<string, string>>): KeyObject {
  return createPublicKey({ key, format: "jwk" });
}

/** Without the leading zero that keeps an mpint positive. */
function unsigned(number: Buffer): Buffer {
  return number[0] === 0 ? number.subarray(1) : number;
}

function padded(number: Buffer, size: number): Buffer {
  const bytes = unsigned(number);
  if (bytes.length > size) throw new Error("too large a number");
  return Buffer.concat([Buffer.alloc(size - bytes.length), bytes]);
}
