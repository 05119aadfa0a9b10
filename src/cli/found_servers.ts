import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { isHostname, isUser } from "../table/names.ts";
import { readPinerc } from "./pinerc_files.ts";

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
    read(textOf(join(home, path))).map((one) => ({ ...one, from: `~/${path}` })),
  );
  const hosts = sshHosts(home, join(home, ".ssh/config"), 0).map((one) => ({
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

const READERS: readonly (readonly [path: string, read: (text: string) => readonly Named[]])[] = [
  [".muttrc", urls],
  [".mutt/muttrc", urls],
  [".config/neomutt/neomuttrc", urls],
  [".mbsyncrc", (text) => sections(text, /^Host\s+"?([^\s"]+)/i, /^User\s+"?([^\s"]+)/i)],
  [".offlineimaprc", (text) => sections(text, /^remotehost\s*[=:]\s*(\S+)/, /^remoteuser\s*[=:]\s*(\S+)/)],
  [".fetchmailrc", polls],
];

/** imap://USER@HOST and {HOST/user=USER}, as mutt knows them. */
function urls(text: string): readonly Named[] {
  return [...text.matchAll(/\bimaps?:\/\/(?:([^@\s/"']+)@)?([^\s/:"']+)/g)].map(([, user, name = ""]) => ({
    name,
    user: user === undefined ? undefined : unescaped(user),
  }));
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
    const one = (pattern: RegExp): string | undefined =>
      lines.map((line) => pattern.exec(line)?.[1]).find((found) => found !== undefined);
    const name = one(host);
    return name === undefined ? [] : [{ name, user: one(user) }];
  });
}

function polls(text: string): readonly Named[] {
  return text
    .split(/^\s*(?:poll|server|skip)\s+/m)
    .slice(1)
    .map((poll) => {
      const [, name = ""] = /^"?([^\s"]+)/.exec(poll) ?? [];
      const via = /\bvia\s+"?([^\s"]+)/.exec(poll)?.[1];
      return { name: via ?? name, user: /\buser(?:name)?\s+"?([^\s"]+)/.exec(poll)?.[1] };
    });
}

/** Files that include each other are followed so deep (readconf.c). */
const DEEPEST = 16;

/** The names of Host lines without wildcards, each with the User below it; Include is followed. */
function sshHosts(home: string, file: string, depth: number): readonly Named[] {
  if (depth > DEEPEST) return [];
  const found: { name: string; user: string | undefined }[] = [];
  let current: { name: string; user: string | undefined }[] = [];
  for (const line of textOf(file).split("\n")) {
    const [, key = "", value = ""] = /^\s*([A-Za-z]+)(?:\s*=\s*|\s+)(.*?)\s*$/.exec(line) ?? [];
    const words = (value.match(/"[^"]*"|\S+/g) ?? []).map((word) => word.replace(/^"|"$/g, ""));
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
          found.push(...sshHosts(home, one, depth + 1));
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
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
