import { type MailboxName, parseMailboxName } from "./mailbox_name.ts";

/** Where something stands in a configuration file of Alpine's: the file as a person would name it, and a line, from 1. */
export interface PinercPlace {
  readonly file: string;
  readonly line: number;
}

/** A value that is not empty, as Alpine takes it. */
export interface Setting extends PinercPlace {
  readonly value: string;
  /** The value as it is written, line by line: those of a list may have several. */
  readonly written: readonly { readonly text: string; readonly line: number }[];
}

/** Whose a file is: the person's own, everybody's on this machine, or what nobody can change. */
export type PinercRole = "own" | "system" | "fixed";

/** What one file says. */
export interface PinercFile {
  readonly role: PinercRole;
  /** By their names in lower case. */
  readonly settings: ReadonlyMap<string, Setting>;
  /** Names that the file has, and no value for them. */
  readonly emptied: ReadonlySet<string>;
}

/** A remote mailbox as a configuration names it: `{imap.example.org/user=jane}INBOX`. */
export interface RemoteMailbox extends PinercPlace, MailboxName {
  /** Text in the braces. */
  readonly spec: string;
}

/** What Alpine's configuration says that decides whether it runs an rsh-path. Values that are not set are undefined. */
export interface Pinerc {
  readonly rshPath: Setting | undefined;
  readonly rshCommand: Setting | undefined;
  readonly rshOpenTimeout: Setting | undefined;
  readonly sshPath: Setting | undefined;
  readonly sshCommand: Setting | undefined;
  readonly sshOpenTimeout: Setting | undefined;
  readonly mailboxes: readonly RemoteMailbox[];
}

/** Settings that are no lists: a line that goes on with them is passed over. */
const SINGLE: ReadonlySet<string> = new Set([
  "inbox-path",
  "rsh-command",
  "rsh-open-timeout",
  "rsh-path",
  "ssh-command",
  "ssh-open-timeout",
  "ssh-path",
]);

/**
 * Reads a file of Alpine's: `name=value`, comments with #, and lines that begin with white space go on with a list. Of
 * two settings of one name the later one counts, though in a file that is not the person's own not an empty one. Lines end
 * in CRLF where the first one does (read_pinerc in pith/conf.c).
 */
export function parsePinerc(text: string, file: string, role: PinercRole = "own"): PinercFile {
  const settings = new Map<string, Setting>();
  const emptied = new Set<string>();
  let name = "";
  const end = /^[^\n]*\r\n/.test(text) ? /\r?\n/ : "\n";
  for (const [index, content] of text
    .replace(/^\ufeff/, "")
    .split(end)
    .entries()) {
    const line = index + 1;
    if (/^[ \t]/.test(content)) {
      const before = settings.get(name);
      if (before === undefined || SINGLE.has(name)) continue;
      settings.set(name, { ...before, written: [...before.written, { text: content, line }] });
      continue;
    }
    const [, key = "", value = ""] = /^([\w-]+)[ \t]*=[ \t]*(.*)$/s.exec(content) ?? [];
    name = key.toLowerCase();
    if (name === "") continue;
    if (role === "own") settings.delete(name);
    if (value === "") {
      emptied.add(name);
      // No list, so that no line goes on with it.
      name = "";
      continue;
    }
    settings.set(name, { value: unquoted(value), file, line, written: [{ text: value, line }] });
  }
  return { role, settings, emptied };
}

/** Blanks at the end stay, but for quotes that are never closed. */
function unquoted(value: string): string {
  const [, inside, close] = /^"([^"]*)("?)/.exec(value) ?? [];
  return inside === undefined ? value : close === "" ? inside.trimEnd() : inside;
}

/**
 * What holds when several files are read, the one that overrides the others first. `expand` is Alpine's expansion of
 * ~ and $NAME, undefined for what comes to nothing. What is fixed as empty is as the system has it (set_current_val in
 * pith/conf.c).
 */
export function pinercOf(
  files: readonly PinercFile[],
  expand: (value: string) => string | undefined,
): Pinerc {
  const inForce = (name: string): readonly PinercFile[] => {
    const isFixed = files.some(
      ({ role, settings, emptied }) => role === "fixed" && emptied.has(name) && !settings.has(name),
    );
    return isFixed ? files.filter(({ role }) => role === "system") : files;
  };
  const setting = (name: string): Setting | undefined => {
    for (const { settings } of inForce(name)) {
      const found = settings.get(name);
      const value = found && expand(found.value);
      if (found !== undefined && value !== undefined) return { ...found, value };
    }
    return undefined;
  };
  return {
    rshPath: setting("rsh-path"),
    rshCommand: setting("rsh-command"),
    rshOpenTimeout: setting("rsh-open-timeout"),
    sshPath: setting("ssh-path"),
    sshCommand: setting("ssh-command"),
    sshOpenTimeout: setting("ssh-open-timeout"),
    mailboxes: mailboxesOf(files, inForce, expand),
  };
}

function mailboxesOf(
  files: readonly PinercFile[],
  inForce: (name: string) => readonly PinercFile[],
  expand: (value: string) => string | undefined,
): readonly RemoteMailbox[] {
  const found: RemoteMailbox[] = [];
  const settled = new Set<string>();
  for (const file of files) {
    for (const [name, { file: place, written }] of file.settings) {
      // News are not read through rsh-path.
      if (settled.has(name) || /^news/.test(name) || !inForce(name).includes(file)) continue;
      for (const { text, line } of written) {
        if (name === "inbox-path" && !/^"?\{/.test(text)) continue;
        found.push(...mailboxesIn(expanded(text, expand), { file: place, line }));
      }
    }
    for (const [name, { value }] of file.settings) if (!/^"?INHERIT\b/.test(value)) settled.add(name);
  }
  return found;
}

/** Alpine expands each element of a list. */
function expanded(text: string, expand: (value: string) => string | undefined): string {
  if (!text.includes("$")) return text;
  return text
    .split(",")
    .map((element) => expand(element) ?? "")
    .join(",");
}

function mailboxesIn(text: string, place: PinercPlace): readonly RemoteMailbox[] {
  return [...text.matchAll(/\{([^{}]+)\}/g)].flatMap(([, spec = ""]) => {
    const name = parseMailboxName(spec);
    return name === undefined ? [] : [{ spec, ...name, ...place }];
  });
}

/**
 * A value as Alpine expands it: ~ and ~USER at its beginning by the password file, $NAME up to the next blank or slash,
 * ${NAME}, ${NAME:-default}; $$ and \\$ are a dollar sign. Undefined where variables leave nothing of it
 * (expand_variables in pith/conf.c). `homeOf` gives undefined for somebody who is not there; "" is the person.
 */
export function expandVariables(
  value: string,
  env: Readonly<Record<string, string | undefined>>,
  homeOf: (user: string) => string | undefined,
): string | undefined {
  const whole = value.replace(/^~([^/]*)/, (tilde, user: string) => homeOf(user) ?? tilde);
  const expanded = whole.replace(
    /\$\$|\\\$|\$\{([^}\s]*)\}|\$([^\s/]+)/g,
    (text, braced?: string, plain?: string) => {
      if (text === "$$" || text === "\\$") return "$";
      const [, name = "", usual = ""] = /^(.*?)(?::-(.*))?$/.exec(braced ?? plain ?? "") ?? [];
      return braced === undefined ? (env[plain ?? ""] ?? "") : (env[name] ?? usual);
    },
  );
  return expanded === "" && value !== "" ? undefined : expanded;
}
