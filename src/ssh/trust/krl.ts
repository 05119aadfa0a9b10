import { createHash } from "node:crypto";
import { Reader } from "../keys/wire.ts";

/** Key revocation lists, the binary ones of ssh-keygen -k: PROTOCOL.krl of OpenSSH. */

const MAGIC = Buffer.from("SSHKRL\n\0", "latin1");
const VERSION = 1;

/** Section types of PROTOCOL.krl. Those missing here OpenSSH 9.2 refuses too, or (signatures) 9.4 and later. */
const CERTIFICATES = 1;
const KEYS = 2;
const SHA1 = 3;
const SHA256 = 5;
const SERIALS = 0x20;
const SERIAL_RANGE = 0x21;
const SERIAL_BITMAP = 0x22;
const KEY_IDS = 0x23;

/** The longest number that OpenSSH takes, with its sign (sshbuf.h). */
const LONGEST_NUMBER = 2049;

/** Serial numbers have 64 bits. */
const LARGEST = 0xffff_ffff_ffff_ffffn;

/** What tells one certificate from another. */
export interface CertificateMark {
  /** The key that has signed it. */
  readonly authority: Buffer;
  readonly serial: bigint;
  readonly keyId: string;
}

/** Whether a serial number or a key id is revoked. */
type Test = (mark: CertificateMark) => boolean;

/** A parsed list. */
export interface Krl {
  /** Whether a plain key is on it. */
  hasKey(key: Buffer): boolean;
  /** Whether a certificate is, by its serial number or its id. Its keys are to be looked up besides. */
  hasCertificate(mark: CertificateMark): boolean;
}

/** Whether these are the bytes of a KRL, sound or not, and not of a text. */
export function isKrl(bytes: Buffer): boolean {
  return bytes.subarray(0, MAGIC.length).equals(MAGIC);
}

/** Parses a KRL. Throws a RangeError for one that cannot be followed to its end: it must not count as empty. */
export function parseKrl(bytes: Buffer): Krl {
  const reader = new Reader(bytes.subarray(MAGIC.length));
  if (reader.uint32() !== VERSION) throw new RangeError("is a KRL of another version");
  // Its own version, the date, the flags; then what is reserved, and a comment.
  for (let field = 0; field < 3; field++) reader.uint64();
  for (let field = 0; field < 2; field++) reader.string();
  const keys = new Set<string>();
  const certificates: Test[] = [];
  while (!reader.isOver) {
    const type = reader.uint8();
    const section = new Reader(reader.string());
    if (type === CERTIFICATES) certificates.push(...certificateTests(section));
    else for (const key of section.all(() => section.string())) keys.add(markOf(type, key));
  }
  return {
    hasKey: (key) =>
      keys.has(markOf(KEYS, key)) ||
      keys.has(markOf(SHA1, hash("sha1", key))) ||
      keys.has(markOf(SHA256, hash("sha256", key))),
    hasCertificate: (mark) => certificates.some((test) => test(mark)),
  };
}

function markOf(type: number, bytes: Buffer): string {
  const length = { [KEYS]: bytes.length, [SHA1]: 20, [SHA256]: 32 }[type];
  if (length === undefined) throw new RangeError(`has a section of type ${type}, which is not supported`);
  if (length !== bytes.length) throw new RangeError("has a hash of a wrong length");
  return `${type} ${bytes.toString("base64")}`;
}

function hash(algorithm: string, bytes: Buffer): Buffer {
  return createHash(algorithm).update(bytes).digest();
}

/** An empty authority stands for all of them. */
function certificateTests(section: Reader): readonly Test[] {
  const authority = section.string();
  section.string();
  const tests: Test[] = [];
  while (!section.isOver) tests.push(certificateTest(section.uint8(), new Reader(section.string())));
  return tests.map(
    (test) => (mark) => (authority.length === 0 || authority.equals(mark.authority)) && test(mark),
  );
}

function certificateTest(type: number, section: Reader): Test {
  switch (type) {
    case SERIALS: {
      const serials = new Set(section.all(() => section.uint64()).map(notZero));
      return ({ serial }) => serials.has(serial);
    }
    case SERIAL_RANGE: {
      const [first = 0n, last = 0n, ...rest] = section.all(() => section.uint64());
      if (notZero(first) > last || rest.length > 0)
        throw new RangeError("has a wrong range of serial numbers");
      return ({ serial }) => first <= serial && serial <= last;
    }
    case SERIAL_BITMAP: {
      const first = section.uint64();
      const bytes = section.string();
      const bits = BigInt(`0x0${bytes.toString("hex")}`);
      const length = BigInt(bits.toString(2).length);
      const isNumber = bytes.length <= LONGEST_NUMBER && (bytes[0] ?? 0) < 0x80 && section.isOver;
      const isInRange = first + length - 1n <= LARGEST && (first > 0n || (bits & 1n) === 0n);
      if (!isNumber || !isInRange) throw new RangeError("has a wrong map of serial numbers");
      return ({ serial }) =>
        serial >= first && serial - first < length && ((bits >> (serial - first)) & 1n) === 1n;
    }
    case KEY_IDS: {
      const ids = new Set(section.all(() => section.text()));
      return ({ keyId }) => ids.has(keyId);
    }
    default:
      throw new RangeError(`has a certificate section of type ${type}, which is not supported`);
  }
}

/** Certificates without a serial number have 0, which cannot be revoked. */
function notZero(serial: bigint): bigint {
  if (serial === 0n) throw new RangeError("revokes the serial number 0");
  return serial;
}
