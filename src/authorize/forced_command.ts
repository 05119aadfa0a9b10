import { Failure } from "../failure.ts";
import { quoted } from "../shell_word.ts";
import { decide } from "../table/decide.ts";
import type { Decision } from "../table/decision.ts";
import { remoteCommandLine } from "../table/imapd.ts";
import type { Endpoint, Table } from "../table/table.ts";

/** A METHOD that a key for mail serves with a program. */
export interface Served {
  readonly method: string;
  /** The line of the table; undefined for the search for an imapd. */
  readonly line: string | undefined;
}

/** What a key for mail has to be good for. */
export interface Needs {
  readonly served: readonly Served[];
  /** The ports of METHODs and of forwards. */
  readonly ports: readonly Endpoint[];
}

/** METHODs that a `command` for any of them is taken to have. */
const USUAL = ["imap", "smtp", "sendmail"];

/** What the table wants of the account that a decision leads to: each METHOD it has a command for, and the forwards. */
export async function needsOf(table: Table, decision: Decision): Promise<Needs> {
  const { server, host, forwards } = decision;
  const named = [table.hosts[host], table.defaults].flatMap((keys) => Object.keys(keys?.commands ?? {}));
  const methods = [...USUAL, ...named, ...forwards.flatMap(({ method }) => method ?? [])];
  const served: Served[] = [];
  const ports = forwards.flatMap(({ to }) => to ?? []);
  for (const method of new Set(methods)) {
    const command = (await decide(table, { server, method }))?.command?.value;
    if (command?.kind === "port") ports.push(command.to);
    else if (command !== undefined)
      served.push({ method, line: command.kind === "line" ? command.line : undefined });
  }
  const distinct = new Map(ports.map((to) => [`${to.host} ${to.port}`, to]));
  return { served, ports: [...distinct.values()] };
}

/**
 * The command of a key for mail: it becomes what the table says for the METHOD that is asked for, and refuses all else.
 * SSH_ORIGINAL_COMMAND (sshd(8)) is compared with fixed patterns, and nothing of it is ever interpreted. `imapd`: the words
 * of the one that was found; undefined for its search. Throws a Failure for a line of the table that cannot stand there.
 */
export function forcedCommand(served: readonly Served[], imapd: readonly string[] | undefined): string {
  const cases = served.map((one) => `(${patternsOf(one).join("|")}) ${programOf(one, imapd)};;`);
  const methods = served.map(({ method }) => method).join(" ");
  const other = `(*) echo this key opens mail only: ${methods} >&2; exit 77;;`;
  return `exec /bin/sh -c ${forAnyShell(`case $SSH_ORIGINAL_COMMAND in ${[...cases, other].join(" ")} esac`)}`;
}

/** The METHOD by its name, and as it is asked for by a call. Of sendmail's senders none is heeded. */
function patternsOf({ method, line }: Served): readonly string[] {
  if (line === undefined) return [method, "*imapd*"];
  const exact = patternOf(line);
  return [method, exact, ...(method === "sendmail" ? [`${exact}?-f?*`] : [])];
}

/** A pattern of sh(1) for a text: what could mean something there stands as a question mark. */
function patternOf(line: string): string {
  return line.replace(/[\u0080-\uffff]+/g, "*").replace(/[^\w*./=@%+:,-]|^\*$/g, "?");
}

function programOf({ method, line }: Served, imapd: readonly string[] | undefined): string {
  if (line === undefined) return imapd === undefined ? remoteCommandLine({ kind: "auto" }) : imapdLine(imapd);
  if (!/\n|(^|\s)#/.test(line)) return line;
  throw new Failure(
    "table",
    `commands.${method}`,
    "has a newline or a comment, which authorized_keys cannot hold",
    {
      hints: ["put it into a script on the server, and name that"],
    },
  );
}

/** Dovecot 2.4 keeps of the environment only what it is told to, and 2.3 takes the home from there: mail_home is for others. */
function imapdLine(words: readonly string[]): string {
  const program = `exec ${words.map(quoted).join(" ")}`;
  if (words.length === 1) return program;
  const home = words.find((word) => word.startsWith(MAIL_HOME))?.slice(MAIL_HOME.length);
  const kept = `DOVECOT_PRESERVE_ENVS=${quoted("USER HOME TZ")}`;
  return `export ${home === undefined ? "" : `HOME=${quoted(home)} `}${kept}; ${program}`;
}

const MAIL_HOME = "mail_home=";

/** A text as one word for sh, csh and fish alike, of which each has its own meaning for some of these within quotes. */
function forAnyShell(text: string): string {
  return `'${text.replace(/['\\!]/g, "'\\$&'")}'`;
}
