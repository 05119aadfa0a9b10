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

/** The settings of one file, by their names in lower case. */
export type Settings = ReadonlyMap<string, Setting>;

/** A remote mailbox as a configuration names it: `{imap.example.org/user=jane}INBOX`. */
export interface RemoteMailbox extends PinercPlace {
  /** Text in the braces. */
  readonly spec: string;
  readonly host: string;
  /** The name behind /user=; undefined where there is none, and Alpine gives the login name. */
  readonly user: string | undefined;
}

/** What Alpine's configuration says that decides whether it runs an rsh-path. Values that are not set are undefined. */
export interface Pinerc {
  readonly rshPath: Setting | undefined;
  readonly rshCommand: Setting | undefined;
  readonly rshOpenTimeout: Setting | undefined;
  readonly sshPath: Setting | undefined;
  readonly mailboxes: readonly RemoteMailbox[];
}

/** Settings that are no lists: a line that goes on with them is passed over. */
const SINGLE: ReadonlySet<string> = new Set([
  "inbox-path",
  "rsh-command",
  "rsh-open-timeout",
  "rsh-path",
  "ssh-path",
]);

/**
 * Reads a file of Alpine's: `name=value`, comments with #, and lines that begin with white space go on with a list. Of
 * two settings of one name the later one counts (read_pinerc in pith/conf.c).
 */
export function parsePinerc(text: string, file: string): Settings {
  const settings = new Map<string, Setting>();
  let name = "";
  for (const [index, content] of text
    .replace(/^\ufeff/, "")
    .split(/\r?\n/)
    .entries()) {
    const line = index + 1;
    if (content.startsWith("#")) continue;
    if (/^[ \t]/.test(content)) {
      const before = settings.get(name);
      if (before === undefined || SINGLE.has(name)) continue;
      settings.set(name, { ...before, written: [...before.written, { text: content, line }] });
      continue;
    }
    const [, key = "", value = ""] = /^([\w-]+)[ \t]*=[ \t]*(.*)$/.exec(content) ?? [];
    name = key.toLowerCase();
    if (name === "") continue;
    settings.delete(name);
    if (value.trim() === "" && SINGLE.has(name)) continue;
    settings.set(name, { value: unquoted(value.trim()), file, line, written: [{ text: value, line }] });
  }
  return settings;
}

function unquoted(value: string): string {
  return /^"([^"]*)/.exec(value)?.[1] ?? value;
}

/**
 * What holds when several files are read, the one that overrides the others first. `expand` is Alpine's expansion of
 * ~ and $NAME.
 */
export function pinercOf(files: readonly Settings[], expand: (value: string) => string): Pinerc {
  const setting = (name: string): Setting | undefined => {
    const found = files.find((file) => file.has(name))?.get(name);
    return found === undefined ? undefined : { ...found, value: expand(found.value) };
  };
  return {
    rshPath: setting("rsh-path"),
    rshCommand: setting("rsh-command"),
    rshOpenTimeout: setting("rsh-open-timeout"),
    sshPath: setting("ssh-path"),
    mailboxes: mailboxesOf(files),
  };
}

function mailboxesOf(files: readonly Settings[]): readonly RemoteMailbox[] {
  const found: RemoteMailbox[] = [];
  const settled = new Set<string>();
  for (const file of files) {
    for (const [name, { file: place, written }] of file) {
      // The address book and news are not read through rsh-path.
      if (settled.has(name) || /^news/.test(name)) continue;
      for (const { text, line } of written) found.push(...mailboxesIn(text, { file: place, line }));
    }
    for (const [name, { value }] of file) if (!/^"?INHERIT\b/.test(value)) settled.add(name);
  }
  return found;
}

function mailboxesIn(text: string, place: PinercPlace): readonly RemoteMailbox[] {
  return [...text.matchAll(/\{([^{}]+)\}/g)].flatMap(([, spec = ""]) => {
    const host = /^(\[[^\]]*\]|[^:/]+)/.exec(spec)?.[1];
    return host === undefined ? [] : [{ spec, host, user: userIn(spec), ...place }];
  });
}

/** The value of a mailbox's /user=, in quotes or not (mail_valid_net_parse in c-client). */
function userIn(spec: string): string | undefined {
  const [, quoted, plain] = /\/user=(?:"((?:[^"\\]|\\.)*)"|([^/:="]+))/i.exec(spec) ?? [];
  return quoted?.replace(/\\(.)/g, "$1") ?? plain;
}

/**
 * A value as Alpine expands it: ~ at its beginning, $NAME up to the next blank or slash, ${NAME}, ${NAME:-default}; $$ and \\$ are
 * a dollar sign (expand_variables in pith/conf.c).
 */
export function expandVariables(
  value: string,
  env: Readonly<Record<string, string | undefined>>,
  home: string,
): string {
  const whole = value.replace(/^~(?=\/|$)/, () => home);
  return whole.replace(/\$\$|\\\$|\$\{([^}\s]*)\}|\$([^\s/]+)/g, (text, braced?: string, plain?: string) => {
    if (text === "$$" || text === "\\$") return "$";
    const [, name = "", usual = ""] = /^(.*?)(?::-(.*))?$/.exec(braced ?? plain ?? "") ?? [];
    return braced === undefined ? (env[plain ?? ""] ?? "") : (env[name] ?? usual);
  });
}
