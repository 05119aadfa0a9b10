import { rsaBits } from "../keys/blob.ts";
import { isPublicKey, plainKey } from "../keys/certificate.ts";
import { parseKeyLine } from "../keys/line.ts";
import { SHORTEST_RSA } from "../keys/shape.ts";
import { type CertificateMark, isKrl, type Krl, parseKrl } from "./krl.ts";

/**
 * One file that RevokedHostKeys of ssh_config(5) names: a KRL, or a text with a public key a line. What it
 * cannot tell must not count as a no: sshkey_check_revoked() of authfile.c.
 */
export interface RevokedKeys {
  readonly file: string;
  /** Whether a key (for a certificate: the key in it) is revoked. Throws a RangeError that says why it cannot tell. */
  hasKey(key: Buffer): boolean;
  /** Whether a KRL revokes a certificate by its serial number or id. */
  hasCertificate(mark: CertificateMark): boolean;
}

/** Reads the bytes of such a file. Never throws: what is wrong with them is told when a key is looked up. */
export function parseRevokedKeys(bytes: Buffer, file: string): RevokedKeys {
  if (!isKrl(bytes)) return textKeys(bytes.toString("latin1"), file);
  try {
    return krlKeys(parseKrl(bytes), file);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return uselessKeys(file, error.message);
  }
}

/** A file that tells nothing, because it `why` ("cannot be read"). */
export function uselessKeys(file: string, why: string): RevokedKeys {
  const cannotTell = () => {
    throw new RangeError(why);
  };
  return { file, hasKey: cannotTell, hasCertificate: cannotTell };
}

function krlKeys(krl: Krl, file: string): RevokedKeys {
  return {
    file,
    hasKey: (key) => krl.hasKey(plainKey(key) ?? key),
    hasCertificate: (mark) => krl.hasCertificate(mark),
  };
}

/** sshkey_in_file(): read up to the key that is looked for, or up to a line that is none. */
function textKeys(text: string, file: string): RevokedKeys {
  const keys: Buffer[] = [];
  let trouble: string | undefined;
  for (const [index, line] of text.split("\n").entries()) {
    const start = line.replace(/\0.*$/s, "").replace(/^[ \t]+/, "");
    if (start === "" || start.startsWith("#")) continue;
    const key = parseKeyLine(start);
    if (key === undefined || !(isPublicKey(key) || isShort(key))) {
      trouble = `has no key on line ${index + 1}`;
      break;
    }
    keys.push(plainKey(key) ?? key);
  }
  const hasKey = (key: Buffer) => {
    const plain = plainKey(key) ?? key;
    if (keys.some((revoked) => revoked.equals(plain))) return true;
    if (trouble !== undefined) throw new RangeError(trouble);
    return false;
  };
  return { file, hasKey, hasCertificate: () => false };
}

/** An RSA key that is too short to be trusted is no mistake in the file. */
function isShort(key: Buffer): boolean {
  const bits = rsaBits(key);
  return bits !== undefined && bits > 0 && bits < SHORTEST_RSA;
}
