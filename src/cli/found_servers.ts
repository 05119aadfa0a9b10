import { readdirSync } from "node:fs";
import { dirname, join, posix, resolve } from "node:path";
import { isHostname, isUser } from "../table/names.ts";
import { readPinerc } from "./pinerc_files.ts";
import { readRegular } from "./regular.ts";

/** A server that some configuration names. */
export interface FoundServer {
  readonly name: string;
  readonly user: string | undefined;
  /** The file, as a person would name it. */
  readonly from: string;
}

/** What the files are read with. */
interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  readonly uid: number;
}

/**
 * The servers that the configuration of mail programs and of ssh(1) names, each once, those of Alpine first. What cannot be
 * read, or makes no sense, is passed over: these are proposals.
 */
export function foundServers(surroundings: Surroundings): readonly FoundServer[] {
  const { home } = surroundings;
  const mail = (readPinerc(surroundings)?.pinerc.mailboxes ?? []).map(({ host, user, file }) => ({
    ...{ name: host, user },
    from: file,
  }));
  const others = READERS.flatMap(([path, read]) =>
    read(textOf(join(home, path)), home).map((one) => ({ ...one, from: `~/${path}` })),
  );
  const hosts = sshHosts(home, join(home, ".ssh/config")).map((one) => ({
    ...one,
    from: "~/.ssh/config",
  }));
  const found = new Map<string, FoundServer>();
  for (const one of [...mail, ...others, ...hosts]) {
    const name = one.name.toLowerCase().replace(/^\[|\]$/g, "");
    if (!isHostname(name) || name === "localhost") continue;
    const user = one.user !== undefined && isUser(one.user) ? one.user : undefined;
    const before = found.get(name);
    if (before === undefined) found.set(name, { name, user, from: one.from });
    else if (before.user === undefined && user !== undefined) found.set(name, { ...before, user });
  }
  return [...found.values()];
}

type Named = Pick<FoundServer, "name" | "user">;

type Reader = (text: string, home: string) => readonly Named[];

const READERS: readonly (readonly [path: string, read: Reader])[] = [
  ...[".muttrc", ".mutt/muttrc", ".config/mutt/muttrc", ".config/neomutt/neomuttrc"].map(
    (path) => [path, mutt] as const,
  ),
  ...[".mbsyncrc", ".config/isyncrc"].map(
    (path) => [path, (text: string) => sections(text, /^Host\s+(.*)/i, /^User\s+(.*)/i)] as const,
  ),
  ...[".offlineimaprc", ".config/offlineimap/config"].map(
    (path) =>
      [
        path,
        (text: string) => sections(text, /^remotehost\s*[=:]\s*(\S+)/, /^remoteuser\s*[=:]\s*(.*)/),
      ] as const,
  ),
  [".fetchmailrc", polls],
];

/** A word of a configuration, and whether it stood in quotes: then it is no keyword. */
interface Word {
  readonly text: string;
  readonly isQuoted: boolean;
}

/** Words as mutt, mbsync, fetchmail and ssh part them: quotes hold one together, and a hash begins a comment. */
function wordsOf(text: string): readonly Word[] {
  const found = text.matchAll(/#.*|"((?:\\.|[^"\\])*)"|'([^']*)'|[^\s"';,][^\s;,]*/g);
  return [...found].flatMap(([whole, double, single]) => {
    if (whole.startsWith("#")) return [];
    const quoted = double?.replace(/\\(.)/g, "$1") ?? single;
    return [{ text: quoted ?? whole, isQuoted: quoted !== undefined }];
  });
}

/** imap://USER@HOST and {HOST/user=USER}, as mutt knows them, with its imap_user where they name none; source is followed. */
function mutt(text: string, home: string, seen = new Set<string>()): readonly Named[] {
  const found: Named[] = [];
  const lines = text.split("\n").filter((line) => !/^\s*#/.test(line));
  const set = lines.map((line) => /^\s*set\s+imap_user\s*=\s*(.*)/.exec(line)?.[1]);
  const usual = wordsOf(set.findLast((value) => value !== undefined) ?? "")[0]?.text;
  for (const line of lines) {
    for (const [, user, name = ""] of line.matchAll(/\bimaps?:\/\/(?:([^@\s/"']+)@)?([^\s/:"']+)/g))
      found.push({ name, user: user === undefined ? usual : unescaped(user) });
    for (const [, name = "", flags = ""] of line.matchAll(/\{([\w.-]+)(?::\d+)?((?:\/[^}"']*)?)\}/g))
      found.push({ name, user: /\/user=([^/]+)/.exec(flags)?.[1] ?? usual });
    const [, source] = /^\s*source\s+(.*)/.exec(line) ?? [];
    const path = wordsOf(source ?? "")[0]?.text;
    if (path === undefined) continue;
    const file = resolve(
      home,
      path.replace(/^~(?=\/)/, () => home),
    );
    if (!seen.has(file)) found.push(...mutt(textOf(file), home, seen.add(file)));
  }
  return found;
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text.replace(/:.*$/, ""));
  } catch {
    return text;
  }
}

/** Hosts, each with the user that stands beside it in its section. */
function sections(text: string, host: RegExp, user: RegExp): readonly Named[] {
  return text.split(/\n\s*\n|^\[/m).flatMap((section) => {
    const lines = section.split("\n").map((line) => line.trim());
    const one = (pattern: RegExp): string | undefined => {
      const value = lines.map((line) => pattern.exec(line)?.[1]).find((found) => found !== undefined);
      return wordsOf(value ?? "")[0]?.text;
    };
    const name = one(host);
    return name === undefined ? [] : [{ name, user: one(user) }];
  });
}

/** The servers of a .fetchmailrc: what "via" says, or else the name, each with its first user. */
function polls(text: string): readonly Named[] {
  const found: { name: string; user: string | undefined }[] = [];
  const words = wordsOf(text);
  for (const [index, { text: word, isQuoted }] of words.entries()) {
    const next = words[index + 1]?.text;
    if (isQuoted || next === undefined) continue;
    const last = found.at(-1);
    if (/^(poll|server|skip)$/.test(word)) found.push({ name: next, user: undefined });
    else if (last !== undefined && word === "via") last.name = next;
    else if (last !== undefined && /^user(name)?$/.test(word)) last.user ??= next;
  }
  return found;
}

/** The names of Host lines without wildcards, each with the User below it; Include is followed. */
function sshHosts(home: string, file: string, seen = new Set<string>()): readonly Named[] {
  if (seen.has(file)) return [];
  seen.add(file);
  const found: { name: string; user: string | undefined }[] = [];
  let current: { name: string; user: string | undefined }[] = [];
  for (const line of textOf(file).split("\n")) {
    const [, key = "", value = ""] = /^\s*([A-Za-z]+)(?:\s*=\s*|\s+)(.*?)\s*$/.exec(line) ?? [];
    const words = wordsOf(value).map(({ text }) => text);
    switch (key.toLowerCase()) {
      case "host":
        current = words.filter((word) => !/[*?!]/.test(word)).map((name) => ({ name, user: undefined }));
        found.push(...current);
        break;
      case "match":
        current = [];
        break;
      case "user":
        for (const one of current) one.user ??= words[0];
        break;
      case "include":
        for (const one of words.flatMap((word) => included(home, word)))
          found.push(...sshHosts(home, one, seen));
        break;
    }
  }
  return found;
}

/** The files that an Include names, relative to ~/.ssh; a star stands in the last name only. */
function included(home: string, pattern: string): readonly string[] {
  const path = pattern.replace(/^~(?=\/)/, () => home);
  const whole = posix.isAbsolute(path) ? path : join(home, ".ssh", path);
  if (!/[*?]/.test(whole)) return [whole];
  const last = posix.basename(whole).replace(/[.+^${}()|[\]\\]/g, "\\$&");
  const names = new RegExp(`^${last.replaceAll("*", "[^/]*").replaceAll("?", "[^/]")}$`);
  try {
    return readdirSync(dirname(whole))
      .filter((name) => names.test(name))
      .sort()
      .map((name) => join(dirname(whole), name));
  } catch {
    return [];
  }
}

function textOf(file: string): string {
  try {
    return readRegular(file).toString();
  } catch {
    return "";
  }
}
