import { createHmac } from "node:crypto";
import { typeOf } from "./key_blob.ts";

/**
 * The file of trusted host keys, as sshd(8) describes it under SSH_KNOWN_HOSTS FILE FORMAT. Where the page
 * leaves something open, hostfile.c and sshconnect.c of OpenSSH decide.
 */

/** One line that holds a key. */
export interface KnownHost {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly marker: "none" | "revoked" | "cert-authority";
  /** Its first field: patterns with commas between them, or one hashed name. */
  readonly names: string;
  readonly keyType: string;
  readonly key: Buffer;
}

/** What known_hosts says about a key that a server has offered, with the lines that say so. */
export type Verdict =
  | { readonly kind: "known"; readonly entry: KnownHost }
  | { readonly kind: "unknown"; readonly authorities: readonly KnownHost[] }
  | { readonly kind: "changed"; readonly entries: readonly KnownHost[] }
  | { readonly kind: "revoked"; readonly entry: KnownHost };

const MARKERS: Readonly<Record<string, KnownHost["marker"]>> = {
  "@revoked": "revoked",
  "@cert-authority": "cert-authority",
};

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/**
 * Every line of `text` that holds a key, in order; `file` is what they will be called. Comments, and lines
 * that make no sense, are passed over, as ssh(1) does. Never throws.
 */
export function parseKnownHosts(text: string, file: string): readonly KnownHost[] {
  return text.split("\n").flatMap((line, index) => {
    const entry = parseLine(line);
    return entry === undefined ? [] : [{ file, line: index + 1, ...entry }];
  });
}

function parseLine(line: string): Omit<KnownHost, "file" | "line"> | undefined {
  const words = line.split(/[ \t\r]+/).filter((word) => word !== "");
  if (words[0] === undefined || words[0].startsWith("#")) return undefined;
  const marked = words[0].startsWith("@");
  const marker = marked ? MARKERS[words[0]] : "none";
  const [names, keyType, encoded] = marked ? words.slice(1) : words;
  if (marker === undefined || names === undefined || names.startsWith("@")) return undefined;
  if (keyType === undefined || encoded === undefined || !BASE64.test(encoded)) return undefined;
  const key = Buffer.from(encoded, "base64");
  return key.length > 0 && typeOf(key) === keyType ? { marker, names, keyType, key } : undefined;
}

/**
 * Judges the key that a server has offered. `names` are what known_hosts may call the server: the first one
 * counts fully; the others only where it has no key for the first, and then only to accept or to revoke
 * (sshconnect.c: a port's key may stand under the bare name). As in ssh(1), a server that is known by any
 * other key has changed, be that key of another type.
 */
export function judge(
  entries: readonly KnownHost[],
  names: readonly string[],
  keyType: string,
  key: Buffer,
): Verdict {
  const [first = "", ...others] = names;
  const verdict = judgeName(entries, first, keyType, key);
  if (verdict.kind !== "unknown") return verdict;
  const second = others
    .map((name) => judgeName(entries, name, keyType, key))
    .find(({ kind }) => kind === "known" || kind === "revoked");
  return second ?? verdict;
}

function judgeName(entries: readonly KnownHost[], name: string, keyType: string, key: Buffer): Verdict {
  const mine = entries.filter((entry) => isNamed(entry.names, name));
  const same = mine.filter((entry) => entry.keyType === keyType && entry.key.equals(key));
  const revoked = same.find(({ marker }) => marker === "revoked");
  if (revoked !== undefined) return { kind: "revoked", entry: revoked };
  const known = same.find(({ marker }) => marker === "none");
  if (known !== undefined) return { kind: "known", entry: known };
  const wanted = mine.filter(({ marker }) => marker === "none");
  if (wanted.length > 0) return { kind: "changed", entries: wanted };
  return { kind: "unknown", authorities: mine.filter(({ marker }) => marker === "cert-authority") };
}

/** Types of the keys known for a server, by the first of its names that has any. */
export function knownTypes(entries: readonly KnownHost[], names: readonly string[]): ReadonlySet<string> {
  for (const name of names) {
    const mine = entries.filter(({ marker, names }) => marker === "none" && isNamed(names, name));
    if (mine.length > 0) return new Set(mine.map(({ keyType }) => keyType));
  }
  return new Set();
}

/** Whether a line's first field means `name` (lower case): "!pattern" excludes, wildcards are * and ?. */
export function isNamed(field: string, name: string): boolean {
  if (field.startsWith("|")) return isHashOf(field, name);
  let named = false;
  for (const pattern of field.toLowerCase().split(",")) {
    const excludes = pattern.startsWith("!");
    if (!matches(excludes ? pattern.slice(1) : pattern, name)) continue;
    if (excludes) return false;
    named = true;
  }
  return named;
}

/** `|1|salt|hash`: HMAC-SHA1 of the name, keyed with the salt. */
function isHashOf(field: string, name: string): boolean {
  const [, version, salt = "", hash, rest] = field.split("|");
  if (version !== "1" || rest !== undefined || !BASE64.test(salt)) return false;
  const key = Buffer.from(salt, "base64");
  // SHA-1's own length: ssh(1) takes no other salt.
  return key.length === 20 && createHmac("sha1", key).update(name).digest("base64") === hash;
}

/** Wildcards as in ssh_config(5). Backtracks to the last star only, so that no pattern takes more than length times length. */
export function matches(pattern: string, name: string): boolean {
  let at = 0;
  let star: { readonly pattern: number; name: number } | undefined;
  for (let index = 0; index < name.length; ) {
    if (pattern[at] === "*") {
      star = { pattern: ++at, name: index };
    } else if (at < pattern.length && (pattern[at] === "?" || pattern[at] === name[index])) {
      at++;
      index++;
    } else if (star !== undefined) {
      index = ++star.name;
      at = star.pattern;
    } else {
      return false;
    }
  }
  while (pattern[at] === "*") at++;
  return at === pattern.length;
}
