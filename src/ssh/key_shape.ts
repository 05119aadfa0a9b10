import { ECDH } from "node:crypto";
import { fieldsOf, rsaBits, typeOf, wire } from "./key_blob.ts";

/**
 * What a public key has to be made of to be one. OpenSSH passes over keys that are not (sshkey_from_blob() of
 * sshkey.c), so that such a line of known_hosts does not even say that a host has another key.
 */

/** The fields after the type, each with its test. */
type Shape = readonly ((bytes: Buffer, type: string) => boolean)[];

/** Node's names of the curves of RFC 5656 section 10.1. */
const CURVES: Readonly<Record<string, string>> = {
  nistp256: "prime256v1",
  nistp384: "secp384r1",
  nistp521: "secp521r1",
};

/** OpenSSH takes no RSA key that is shorter (SSH_RSA_MINIMUM_MODULUS_SIZE). */
export const SHORTEST_RSA = 1024;

/** OpenSSH takes no longer number (sshbuf.h). */
const LONGEST_NUMBER = 2048;

const anything = (): boolean => true;
const curvePoint: Shape = [(name, type) => type.includes(`-${name}`), isPoint];
const edwardsPoint: Shape = [(bytes) => bytes.length === 32];

const SHAPES: Readonly<Record<string, Shape>> = {
  "ssh-ed25519": edwardsPoint,
  "sk-ssh-ed25519@openssh.com": [...edwardsPoint, anything],
  "ecdsa-sha2-nistp256": curvePoint,
  "ecdsa-sha2-nistp384": curvePoint,
  "ecdsa-sha2-nistp521": curvePoint,
  "sk-ecdsa-sha2-nistp256@openssh.com": [...curvePoint, anything],
  "ssh-rsa": [isNumber, isNumber],
  "ssh-dss": [isNumber, isNumber, isNumber, isNumber],
};

const CERTIFICATE = /-cert-v01(?=@openssh\.com$)/;

/** Whether a certificate, by its type. */
export function isCertificate(blob: Buffer): boolean {
  return CERTIFICATE.test(typeOf(blob));
}

/** Whether OpenSSH would take `blob` for a public key, or for a certificate, whose signature is not looked at. */
export function isPublicKey(blob: Buffer): boolean {
  const key = plainKey(blob);
  const type = key === undefined ? "" : typeOf(key);
  const shape = shapeOf(type);
  const fields = key && fieldsOf(key)?.slice(1);
  if (key === undefined || shape === undefined || fields?.length !== shape.length) return false;
  if (isCertificate(blob) && !isWholeCertificate(blob, shape.length)) return false;
  return (
    shape.every((test, index) => test(fields[index] ?? Buffer.alloc(0), type)) &&
    (rsaBits(key) ?? SHORTEST_RSA) >= SHORTEST_RSA
  );
}

/** The key itself, without the certificate it may be in; undefined for a certificate that is cut short. */
export function plainKey(blob: Buffer): Buffer | undefined {
  if (!isCertificate(blob)) return blob;
  const bare = typeOf(blob).replace(CERTIFICATE, "");
  // The types of plain security keys bear the domain too, those of other keys do not (PROTOCOL.certkeys).
  const type = bare.startsWith("sk-") ? bare : bare.replace(/@openssh\.com$/, "");
  const shape = shapeOf(type);
  const [, , ...fields] = (shape && fieldsOf(blob, 2 + shape.length)) ?? [];
  return shape !== undefined && fields.length === shape.length ? wire(type, ...fields) : undefined;
}

/**
 * Type, nonce and key; then serial number and kind; id and principals; two dates; options, extensions, what is
 * reserved, authority and signature (PROTOCOL.certkeys): bytes to skip, and the strings after them.
 */
function isWholeCertificate(blob: Buffer, fieldsOfKey: number): boolean {
  const parts = [
    [0, 2 + fieldsOfKey],
    [12, 2],
    [16, 5],
  ] as const;
  let rest = blob;
  for (const [bytes, strings] of parts) {
    rest = rest.subarray(bytes);
    const fields = fieldsOf(rest, strings);
    if (fields?.length !== strings) return false;
    rest = rest.subarray(fields.reduce((sum, { length }) => sum + 4 + length, 0));
  }
  return rest.length === 0;
}

function shapeOf(type: string): Shape | undefined {
  return Object.hasOwn(SHAPES, type) ? SHAPES[type] : undefined;
}

/** An mpint that is not negative. */
function isNumber(bytes: Buffer): boolean {
  return (bytes[0] ?? 0) < 0x80 && bytes.length <= LONGEST_NUMBER + 1;
}

function isPoint(bytes: Buffer, type: string): boolean {
  const curve = CURVES[/nistp\d+/.exec(type)?.[0] ?? ""];
  // sshbuf_get_ec() takes the uncompressed form only.
  if (curve === undefined || bytes[0] !== 4) return false;
  try {
    ECDH.convertKey(bytes, curve);
    return true;
  } catch {
    return false;
  }
}
