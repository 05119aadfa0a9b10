/** A remote mailbox as a configuration names it: `{imap.example.org/user=jane}INBOX`. */
export interface RemoteMailbox {
  /** Text in the braces. */
  readonly spec: string;
  readonly host: string;
  /** Line of the file, from 1. */
  readonly line: number;
}

/** What a .pinerc says that decides whether Alpine runs an rsh-path. Absent and empty values are undefined. */
export interface Pinerc {
  readonly rshPath: Setting | undefined;
  readonly rshCommand: Setting | undefined;
  readonly rshOpenTimeout: Setting | undefined;
  readonly sshPath: Setting | undefined;
  readonly mailboxes: readonly RemoteMailbox[];
}

/** A value and the line it starts at, from 1. */
export interface Setting {
  readonly value: string;
  readonly line: number;
}

/** Reads a .pinerc: `name=value`, comments with #, and lines that begin with white space go on with the value before. */
export function parsePinerc(text: string): Pinerc {
  const settings = new Map<string, Setting>();
  const mailboxes: RemoteMailbox[] = [];
  let name = "";
  for (const [index, content] of text.split(/\r?\n/).entries()) {
    const line = index + 1;
    if (content.startsWith("#")) continue;
    const [, key, value] = /^([\w-]+)=(.*)$/.exec(content) ?? [];
    if (key !== undefined && value !== undefined) {
      name = key.toLowerCase();
      if (value.trim() !== "") settings.set(name, { value: unquoted(value.trim()), line });
    }
    // The address book and news are not read through rsh-path.
    if (/^(?!news)/.test(name)) mailboxes.push(...mailboxesIn(content, line));
  }
  return {
    rshPath: settings.get("rsh-path"),
    rshCommand: settings.get("rsh-command"),
    rshOpenTimeout: settings.get("rsh-open-timeout"),
    sshPath: settings.get("ssh-path"),
    mailboxes,
  };
}

function unquoted(value: string): string {
  return /^"(.*)"$/.exec(value)?.[1] ?? value;
}

function mailboxesIn(content: string, line: number): RemoteMailbox[] {
  return [...content.matchAll(/\{([^{}]+)\}/g)].flatMap(([, spec = ""]) => {
    const host = /^(\[[^\]]*\]|[^:/]+)/.exec(spec)?.[1];
    return host === undefined ? [] : [{ spec, host, line }];
  });
}

/** Seconds that Alpine waits for an rsh-path when rsh-open-timeout is not set. */
const ALPINE_TIMEOUT_S = 15;

/** Seconds that Alpine waits for the greeting; 0 when it does not try rsh-path at all. */
export function openTimeout(pinerc: Pinerc | undefined): number {
  const value = pinerc?.rshOpenTimeout?.value;
  return value !== undefined && /^\d+$/.test(value) ? Number(value) : ALPINE_TIMEOUT_S;
}

/** What would keep Alpine from running preauth for a server, each with the line it stands on. */
export interface Obstacle {
  readonly line: number | undefined;
  readonly what: string;
}

/** What the obstacles depend on beside the file. */
export interface ObstacleContext {
  /** Whether a mailbox's host is the server in question. */
  readonly isServer: (host: string) => boolean;
  /** Whether a path is an executable file. */
  readonly isExecutable: (path: string) => boolean;
  /** The deadline of the server, in milliseconds. */
  readonly deadline: number;
}

/**
 * Finds what would keep Alpine from running preauth: it ignores an rsh-path in silence when anything here is
 * so (alpine's set_rsh_path and c-client's tcp_aopen).
 */
export function obstaclesIn(pinerc: Pinerc, context: ObstacleContext): readonly Obstacle[] {
  return [
    ...pathObstacles(pinerc, context.isExecutable),
    ...timeoutObstacles(pinerc, context.deadline),
    ...pinerc.mailboxes.filter(({ host }) => context.isServer(host)).flatMap(mailboxObstacles),
  ];
}

function pathObstacles({ rshPath, sshPath }: Pinerc, isExecutable: (path: string) => boolean): Obstacle[] {
  const found: Obstacle[] = [];
  if (sshPath !== undefined) {
    found.push({ line: sshPath.line, what: `ssh-path is tried before rsh-path: "${sshPath.value}"` });
  }
  if (rshPath === undefined) return [...found, { line: undefined, what: "rsh-path is not set" }];
  const { value, line } = rshPath;
  if (/\s/.test(value)) found.push({ line, what: `rsh-path must not have a space in it: "${value}"` });
  else if (!value.startsWith("/")) found.push({ line, what: `rsh-path must be absolute: "${value}"` });
  else if (!isExecutable(value)) found.push({ line, what: `rsh-path is not an executable file: "${value}"` });
  return found;
}

function timeoutObstacles(pinerc: Pinerc, deadline: number): Obstacle[] {
  const { value = String(ALPINE_TIMEOUT_S), line } = pinerc.rshOpenTimeout ?? {};
  const seconds = Number(value);
  if (seconds === 0) return [{ line, what: "rsh-open-timeout=0 turns rsh-path off" }];
  if (!/^\d+$/.test(value) || seconds < 5 || seconds > 30_000) {
    return [{ line, what: `rsh-open-timeout must be from 5 to 30000: "${value}"` }];
  }
  if (seconds * 1000 > deadline) return [];
  const name =
    line === undefined ? `Alpine's usual rsh-open-timeout of ${value}` : `rsh-open-timeout=${value}`;
  return [{ line, what: `${name} is not above the table's deadline of ${deadline / 1000} s` }];
}

/** Switches of a mailbox name with which c-client goes straight to the network. */
const DIRECT = ["/ssl", "/tls", "/norsh", "/anonymous", "/pop3"] as const;

function mailboxObstacles({ spec, host, line }: RemoteMailbox): Obstacle[] {
  const rest = spec.slice(host.length).toLowerCase();
  const reasons = [
    ...(/^:\d/.test(rest) ? [rest.replace(/\/.*/, "")] : []),
    ...DIRECT.filter((name) => has(rest, name)),
  ];
  return reasons.map((reason) => ({ line, what: `"${reason}" in {${spec}} makes Alpine go direct` }));
}

/** Whether a switch stands there whole: /tls, but not /tls-sslv23's beginning. */
function has(switches: string, name: string): boolean {
  return switches.split(/(?=\/)/).some((part) => part === name);
}
