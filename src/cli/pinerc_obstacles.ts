import type { Pinerc, PinercPlace, RemoteMailbox, Setting } from "./pinerc.ts";
import { objectionTo } from "./rsh_call.ts";

/** Seconds that Alpine waits for an rsh-path when rsh-open-timeout is not set. */
const ALPINE_TIMEOUT_S = 15;

/** Seconds that Alpine waits for the greeting; 0 when it does not try rsh-path at all. */
export function openTimeout(pinerc: Pinerc | undefined): number {
  return secondsOf(pinerc?.rshOpenTimeout);
}

/** What Alpine does not take leaves its usual time in force (strtoval in pith/string.c). */
function secondsOf(setting: Setting | undefined): number {
  const value = setting?.value.trim() ?? String(ALPINE_TIMEOUT_S);
  return isTimeout(value) ? Number(value) : ALPINE_TIMEOUT_S;
}

function isTimeout(value: string): boolean {
  const seconds = /^\d*$/.test(value) ? Number(value) : Number.NaN;
  return seconds === 0 || (seconds >= 5 && seconds <= 30_000);
}

/** What would keep Alpine from running preauth for a server, or has it run for another account. */
export interface PinercObstacle {
  /** Where it stands; undefined for what is not set at all. */
  readonly at: PinercPlace | undefined;
  readonly what: string;
  /** The line to write in its place. */
  readonly line?: string;
}

/** What the obstacles depend on beside the files. */
export interface ObstacleContext {
  /** The SERVER in question. */
  readonly server: string;
  /** Whether a mailbox's host is the server in question. */
  readonly isServer: (host: string) => boolean;
  /** Whether a path is an executable file. */
  readonly isExecutable: (path: string) => boolean;
  /** Whether a path leads to this program. */
  readonly isPreauth: (path: string) => boolean;
  /** Whether the locale has every letter: Alpine looks for a file by its name in the locale's. */
  readonly isUtf8: boolean;
  /** This program, as rsh-path is to name it. */
  readonly program: string;
  /** The person's own name: Alpine's USER for a mailbox without /user=. */
  readonly login: string;
  /** The deadline of the server, in milliseconds. */
  readonly deadline: number;
}

/**
 * Finds what would keep Alpine from running preauth: it ignores an rsh-path in silence when anything here is
 * so (alpine's set_rsh_path and c-client's tcp_aopen).
 */
export function obstaclesIn(pinerc: Pinerc, context: ObstacleContext): readonly PinercObstacle[] {
  const mailboxes = pinerc.mailboxes.filter(({ host }) => context.isServer(host));
  const { sshPath, sshCommand, rshPath, rshCommand } = pinerc;
  const bySsh = sshPath !== undefined && isTried(pinerc, context) && context.isPreauth(sshPath.value);
  const way = bySsh
    ? { path: sshPath, command: sshCommand, name: "ssh-command" }
    : { path: rshPath, command: rshCommand, name: "rsh-command" };
  return [
    ...(bySsh ? [] : pathObstacles(pinerc, context)),
    ...commandObstacles(way, mailboxes, context),
    ...(bySsh ? [] : timeoutObstacles(pinerc, context.deadline)),
    ...(mailboxes.length === 0 ? [unnamed(context)] : mailboxes.flatMap(mailboxObstacles)),
  ];
}

/** Whether Alpine runs an ssh-path, in front of any rsh-path. */
function isTried({ sshPath, sshOpenTimeout }: Pinerc, { isExecutable }: ObstacleContext): boolean {
  const path = sshPath?.value ?? "";
  return /^\/\S*$/.test(path) && isExecutable(path) && secondsOf(sshOpenTimeout) > 0;
}

function pathObstacles(pinerc: Pinerc, context: ObstacleContext): readonly PinercObstacle[] {
  const { rshPath, sshPath } = pinerc;
  const { isExecutable, isPreauth, isUtf8, program } = context;
  const line = `rsh-path=${program}`;
  const found: PinercObstacle[] = [];
  if (sshPath !== undefined && isTried(pinerc, context)) {
    found.push({
      at: sshPath,
      what: `ssh-path is tried before rsh-path: "${sshPath.value}"`,
      line: "ssh-path=",
    });
  }
  if (rshPath === undefined) return [...found, { at: undefined, what: "rsh-path is not set", line }];
  const { value } = rshPath;
  // No better than what stands there, where this program's own path has such letters.
  const isBetter = isUtf8 || !/[^\0-\x7f]/.test(program);
  const wrong = (what: string): readonly PinercObstacle[] => [
    ...found,
    { at: rshPath, what: `rsh-path ${what}: "${value}"`, ...(isBetter && { line }) },
  ];
  if (/\s/.test(value)) return wrong("must not have a space in it");
  if (!value.startsWith("/")) return wrong("must be absolute");
  if (!isExecutable(value)) return wrong("is not an executable file");
  if (!isUtf8 && /[^\0-\x7f]/.test(value)) {
    return wrong("has letters that are found in a UTF-8 locale alone: lead to it by a link without them");
  }
  return isPreauth(value) ? found : wrong("is not this program");
}

function commandObstacles(
  { path: set, command, name }: { path: Setting | undefined; command: Setting | undefined; name: string },
  mailboxes: readonly RemoteMailbox[],
  { server, login }: ObstacleContext,
): readonly PinercObstacle[] {
  const path = set?.value ?? "/preauth";
  const calls = mailboxes.length === 0 ? [{ host: server, user: undefined }] : mailboxes;
  const found = new Map<string, PinercObstacle>();
  for (const mailbox of calls) {
    const wanted = { path, server: mailbox.host, user: mailbox.user ?? login };
    const objection = objectionTo(command?.value, wanted);
    if (objection === undefined) continue;
    // A path with a space is an obstacle of its own.
    if (/\s/.test(path)) continue;
    // What c-client's own command makes no good call of is the mailbox's fault.
    const usual = objectionTo(undefined, wanted);
    const [at, what] =
      usual !== undefined && "spec" in mailbox
        ? [mailbox, `{${mailbox.spec}} ${usual}`]
        : [command, `${name} ${objection}`];
    const line = at === command ? { line: `${name}=%s %s %s %s` } : {};
    found.set(what, { at, what, ...line });
  }
  return [...found.values()];
}

function timeoutObstacles({ rshOpenTimeout }: Pinerc, deadline: number): readonly PinercObstacle[] {
  const at = rshOpenTimeout;
  const value = at?.value.trim() ?? String(ALPINE_TIMEOUT_S);
  const least = Math.max(5, Math.floor(deadline / 1000) + 5);
  const line = `rsh-open-timeout=${least}`;
  const seconds = secondsOf(at);
  if (seconds === 0) return [{ at, what: "rsh-open-timeout=0 turns rsh-path off", line }];
  if (!isTimeout(value)) return [{ at, what: `rsh-open-timeout must be from 5 to 30000: "${value}"`, line }];
  if (seconds * 1000 > deadline) return [];
  const name = at === undefined ? `Alpine's usual rsh-open-timeout of ${value}` : `rsh-open-timeout=${value}`;
  return [{ at, what: `${name} is not above the table's deadline of ${deadline / 1000} s`, line }];
}

function unnamed({ server }: ObstacleContext): PinercObstacle {
  return { at: undefined, what: `no mailbox in it names ${server}`, line: `inbox-path={${server}}INBOX` };
}

function mailboxObstacles({ spec, direct, unknown, ...at }: RemoteMailbox): readonly PinercObstacle[] {
  if (unknown !== undefined) {
    return [
      { at, what: `"${unknown}" in {${spec}} is not valid there for Alpine: it opens no such mailbox` },
    ];
  }
  return direct === undefined ? [] : [{ at, what: `"${direct}" in {${spec}} makes Alpine connect directly` }];
}
