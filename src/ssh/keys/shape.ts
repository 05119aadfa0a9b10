import { ECDH } from "node:crypto";
import { fieldsOf, rsaBits, typeOf } from "./blob.ts";

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

/** How many fields a key of this type has after its type; undefined for kinds that there are not. */
export function countFields(type: string): number | undefined {
  return shapeOf(type)?.length;
}

/** Whether OpenSSH would take `blob` for a public key; certificates are none. */
export function isPlainKey(blob: Buffer): boolean {
  const type = typeOf(blob);
  const shape = shapeOf(type);
  const fields = fieldsOf(blob)?.slice(1);
  if (shape === undefined || fields?.length !== shape.length) return false;
  return (
    shape.every((test, index) => test(fields[index] ?? Buffer.alloc(0), type)) &&
    (rsaBits(blob) ?? SHORTEST_RSA) >= SHORTEST_RSA
  );
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
