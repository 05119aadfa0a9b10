import { createHmac, randomBytes } from "node:crypto";
import { typeOf } from "../keys/blob.ts";
import { isPublicKey, plainKey } from "../keys/certificate.ts";
import { parseKeyLine } from "../keys/line.ts";

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

/** Bytes of a hashed name's salt. */
const SALT = 20;

/** What match_pattern_list() of match.c has room for: a longer pattern ends the list without a match. */
const LONGEST_PATTERN = 1022;

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

/** hostkeys_foreach_file() of hostfile.c, which sees a line up to its first NUL. */
function parseLine(text: string): Omit<KnownHost, "file" | "line"> | undefined {
  const line = skipBlanks(text.replace(/\0.*$/s, ""));
  if (line === "" || line.startsWith("#")) return undefined;
  const { marker, rest } = splitMarker(line);
  const [names = ""] = /^[^ \t]*/.exec(rest) ?? [];
  if (marker === undefined || names.startsWith("@")) return undefined;
  const key = parseKeyLine(skipBlanks(rest.slice(names.length)));
  return key && { marker, names, keyType: typeOf(key), key };
}

/** A marker ends at the line's first space; at a tab only where there is no space at all (check_markers()). */
function splitMarker(line: string): {
  readonly marker: KnownHost["marker"] | undefined;
  readonly rest: string;
} {
  if (!line.startsWith("@")) return { marker: "none", rest: line };
  const [word = ""] = (line.includes(" ") ? /^[^ ]*/ : /^[^\t]*/).exec(line) ?? [];
  return { marker: MARKERS[word], rest: skipBlanks(line.slice(word.length)) };
}

function skipBlanks(text: string): string {
  return text.replace(/^[ \t]+/, "");
}

/**
 * Judges the key that a server has offered. `names` are what known_hosts may call the server: the first one
 * counts fully; the others only where it has no key for the first, and then only to accept or to revoke
 * (sshconnect.c: a port's key may stand under the bare name). As in ssh(1), a server that is known by any
 * other key has changed, be that key of another type.
 */
export function judge(entries: readonly KnownHost[], names: readonly string[], key: Buffer): Verdict {
  const [first = "", ...others] = names;
  const verdict = judgeName(entries, first, key);
  if (verdict.kind !== "unknown") return verdict;
  const second = others
    .map((name) => judgeName(entries, name, key))
    .find(({ kind }) => kind === "known" || kind === "revoked");
  return second ?? verdict;
}

function judgeName(entries: readonly KnownHost[], name: string, key: Buffer): Verdict {
  const mine = linesOf(entries, name);
  const revoked = mine.find((entry) => entry.marker === "revoked" && isSameKey(entry.key, key));
  if (revoked !== undefined) return { kind: "revoked", entry: revoked };
  const known = mine.find((entry) => entry.marker === "none" && entry.key.equals(key));
  if (known !== undefined) return { kind: "known", entry: known };
  const wanted = mine.filter(({ marker }) => marker === "none");
  if (wanted.length > 0) return { kind: "changed", entries: wanted };
  return { kind: "unknown", authorities: mine.filter(({ marker }) => marker === "cert-authority") };
}

/** A revoked certificate stands for the key in it (sshkey_equal_public() of sshkey.c). */
function isSameKey(revoked: Buffer, key: Buffer): boolean {
  return plainKey(revoked)?.equals(plainKey(key) ?? key) ?? false;
}

/** Types of the keys known for a server, by the first of its names that has any. */
export function knownTypes(entries: readonly KnownHost[], names: readonly string[]): ReadonlySet<string> {
  for (const name of names) {
    const mine = linesOf(entries, name).filter(({ marker }) => marker === "none");
    if (mine.length > 0) return new Set(mine.map(({ keyType }) => keyType));
  }
  return new Set();
}

/** The lines about a name. Only these are looked at closely: to check a point on a curve takes its time. */
function linesOf(entries: readonly KnownHost[], name: string): readonly KnownHost[] {
  return entries.filter((entry) => isNamed(entry.names, name) && isPublicKey(entry.key));
}

/** Whether a line's first field means `name` (lower case): "!pattern" excludes, wildcards are * and ?. */
export function isNamed(field: string, name: string): boolean {
  if (field.startsWith("|")) return isHashOf(field, name);
  let named = false;
  for (const word of asciiLower(field).split(",")) {
    const excludes = word.startsWith("!");
    const pattern = excludes ? word.slice(1) : word;
    if (pattern.length > LONGEST_PATTERN) return false;
    if (!matches(pattern, name)) continue;
    if (excludes) return false;
    named = true;
  }
  return named;
}

/** As tolower(3) has it for bytes: no other letter turns into one of a host's name. */
function asciiLower(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

/** `|1|salt|hash`: HMAC-SHA1 of the name, keyed with the salt. */
function isHashOf(field: string, name: string): boolean {
  const [, version, salt = ""] = field.split("|");
  const key = Buffer.from(salt, "base64");
  // SHA-1's own length: ssh(1) takes no other salt.
  return version === "1" && key.length === SALT && field === hashName(name, key);
}

/** A name as HashKnownHosts of ssh_config(5) has it written. */
export function hashName(name: string, salt: Buffer = randomBytes(SALT)): string {
  const hash = createHmac("sha1", salt).update(name).digest("base64");
  return `|1|${salt.toString("base64")}|${hash}`;
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
