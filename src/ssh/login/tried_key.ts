import { fingerprint, typeOf } from "../keys/blob.ts";
import type { Candidate } from "./candidate.ts";
import type { Outcome } from "./key_offer.ts";

/** A key that was offered to the server, or would have been. */
export interface TriedKey {
  /** The file it is in or belongs to, else the agent's comment. */
  readonly name: string;
  readonly type: string;
  /** Of the key itself, also where a certificate was offered: as sshd logs it. */
  readonly fingerprint: string;
  /** Of the key itself, as authorized_keys has it. */
  readonly line: string;
  readonly source: "agent" | "file";
  /** A certificate whose time was over. */
  readonly isExpired: boolean;
  readonly outcome: Outcome;
}

export function triedKeyOf(candidate: Candidate, outcome: Outcome): TriedKey {
  const { name, type, source, certificate } = candidate;
  return {
    ...{ name, type, source, outcome },
    fingerprint: fingerprintOf(candidate),
    line: lineOf(candidate),
    isExpired: certificate !== undefined && Number(certificate.validBefore) * 1000 <= Date.now(),
  };
}

function lineOf({ blob, certificate }: Candidate): string {
  const key = certificate?.key ?? blob;
  return `${typeOf(key)} ${key.toString("base64")}`;
}

/** Of the key itself, also where it has a certificate. */
export function fingerprintOf({ blob, certificate }: Candidate): string {
  return fingerprint(certificate?.key ?? blob);
}
