import { fingerprint, typeOf } from "../keys/blob.ts";
import type { Certificate } from "../keys/certificate.ts";
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
  /** What a server holds against its certificate. */
  readonly flaw: "expired" | "early" | undefined;
  /** The accounts that its certificate is for; empty where it names none, and for a plain key. */
  readonly principals: readonly string[];
  readonly outcome: Outcome;
}

export function triedKeyOf(candidate: Candidate, outcome: Outcome): TriedKey {
  const { name, type, source, certificate } = candidate;
  return {
    ...{ name, type, source, outcome },
    fingerprint: fingerprintOf(candidate),
    line: lineOf(candidate),
    flaw: flawOf(certificate),
    principals: certificate?.principals ?? [],
  };
}

function flawOf(certificate: Certificate | undefined): TriedKey["flaw"] {
  if (certificate === undefined) return undefined;
  const now = BigInt(Math.floor(Date.now() / 1000));
  if (now >= certificate.validBefore) return "expired";
  return now < certificate.validAfter ? "early" : undefined;
}

function lineOf({ blob, certificate }: Candidate): string {
  const key = certificate?.key ?? blob;
  return `${typeOf(key)} ${key.toString("base64")}`;
}

/** Of the key itself, also where it has a certificate. */
export function fingerprintOf({ blob, certificate }: Candidate): string {
  return fingerprint(certificate?.key ?? blob);
}
