import { fingerprint, rsaBits, typeOf } from "../keys/blob.ts";
import { SHORTEST_RSA } from "../keys/shape.ts";
import { isCertificate } from "../keys/type.ts";
import { type HostCertificate, readHostCertificate } from "./host_certificate.ts";
import { isNamed, judge, type KnownHost, matches, type Verdict } from "./known_hosts.ts";

/** What the key or certificate of a server is judged by. */
export interface Circumstances {
  readonly entries: readonly KnownHost[];
  /** What known_hosts may call the server, as for judge(); the last one is the name that a principal must match. */
  readonly names: readonly string[];
  /** Seconds since 1970. */
  readonly now: bigint;
  /** CASignatureAlgorithms of ssh_config; undefined for all but SHA-1. */
  readonly signatures: readonly string[] | undefined;
  /** HostKeyAlgorithms of ssh_config; undefined for all. */
  readonly keys: readonly string[] | undefined;
}

/** What is to be thought of the key that a server has shown, plain or in a certificate. */
export interface Judged {
  readonly key: Buffer;
  readonly verdict: Verdict;
  /** Why a certificate does not count; undefined for one that does, and for plain keys. */
  readonly objection: string | undefined;
}

/**
 * Judges what a server has shown as sshconnect.c does (check_host_key). An authority among the `@cert-authority` lines
 * of the server vouches for a certified key. When none does, or the certificate is not acceptable, its key is judged
 * as though it had been shown plain. What is revoked stays so, the authority too. Undefined for a certificate that makes
 * no sense.
 */
export function judgeOffered(offered: Buffer, circumstances: Circumstances): Judged | undefined {
  const { entries, names } = circumstances;
  if (!isCertificate(typeOf(offered))) {
    return { key: offered, verdict: judge(entries, names, offered), objection: undefined };
  }
  const certificate = readHostCertificate(offered);
  return certificate === undefined ? undefined : judgeCertificate(certificate, circumstances);
}

function judgeCertificate(certificate: HostCertificate, circumstances: Circumstances): Judged {
  const { entries, names } = circumstances;
  const { key, authority } = certificate;
  for (const name of names) {
    const mine = entries.filter((entry) => isNamed(entry.names, name));
    const revoked = mine.find(
      (entry) => entry.marker === "revoked" && (entry.key.equals(key) || entry.key.equals(authority)),
    );
    if (revoked !== undefined) {
      return { key, verdict: { kind: "revoked", entry: revoked }, objection: undefined };
    }
    const entry = mine.find((one) => one.marker === "cert-authority" && one.key.equals(authority));
    if (entry === undefined) continue;
    const objection = flawOf(certificate, circumstances);
    if (objection === undefined) return { key, verdict: { kind: "known", entry }, objection };
    return { key, verdict: judgePlain(key, circumstances), objection };
  }
  const objection = `known_hosts does not trust its authority ${typeOf(authority)} ${fingerprint(authority)}`;
  return { key, verdict: judgePlain(key, circumstances), objection };
}

/** What was not negotiated as a plain key must be allowed as one (hostkey_accepted_by_hostkeyalgs). */
function judgePlain(key: Buffer, { entries, names, keys }: Circumstances): Verdict {
  const type = typeOf(key);
  const isAllowed = (name: string) => name === type || (type === "ssh-rsa" && /^rsa-sha2-\d+$/.test(name));
  if (!(keys?.some(isAllowed) ?? true)) return { kind: "unknown", authorities: [] };
  return judge(entries, names, key);
}

/** sshkey.c, sshkey_cert_check_host; a list of principals that is empty means nobody there since OpenSSH 10.3. */
function flawOf(
  { kind, validAfter, validBefore, principals, criticalOptions, algorithm, authority }: HostCertificate,
  { names, now, signatures }: Circumstances,
): string | undefined {
  const name = names.at(-1) ?? "";
  if (kind !== "host") return "it is a user certificate";
  if (now < validAfter) return `it is not valid before ${day(validAfter)}`;
  if (now >= validBefore) return `it has expired, ${day(validBefore)}`;
  if (!principals.some((principal) => matches(principal, name))) {
    return `it is for ${principals.length === 0 ? "nobody" : principals.join(", ")}, not for ${name}`;
  }
  if (criticalOptions.length > 0) return `it has the critical option "${criticalOptions[0]}"`;
  if (!(signatures?.includes(algorithm) ?? true)) return `it is signed with ${algorithm}`;
  if ((rsaBits(authority) ?? SHORTEST_RSA) < SHORTEST_RSA) return "its authority's RSA key is too short";
  return undefined;
}

/** The date and time in UTC; the largest numbers mean "for ever", and are no date. */
function day(seconds: bigint): string {
  const date = new Date(Number(seconds) * 1000);
  return Number.isNaN(date.getTime()) ? "the end of time" : date.toISOString().slice(0, 19).replace("T", " ");
}
