import { Failure } from "../failure.ts";
import type { Note } from "../report/note.ts";
import type { Decision } from "../table/decision.ts";
import { type Captured, capture } from "./capture.ts";

/** What ssh(1) makes of ssh_config for one destination: keys in lower case, each with all of its values. */
export type ConfigAnswers = ReadonlyMap<string, readonly string[]>;

export interface AskOptions {
  /** The environment ssh is run in: its PATH finds it, and `Match exec` sees the rest. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What ~ means in the table. */
  readonly home: string;
  /** Ends it; the promise then rejects with the signal's reason. */
  readonly signal: AbortSignal;
  readonly note: Note;
}

/**
 * Asks ssh(1) what ssh_config says about the decision's destination: `ssh -G`, which settles Include, Match
 * and canonical names. Undefined when there is no ssh program. Throws a Failure when ssh refuses, with what
 * it said.
 */
export function resolve(decision: Decision, options: AskOptions): Promise<ConfigAnswers | undefined> {
  return ask(decision, configFile(decision, options.home), options);
}

/** The same as though there were no ssh_config at all: what differs from it was written by somebody. */
export function baseline(decision: Decision, options: AskOptions): Promise<ConfigAnswers | undefined> {
  return ask(decision, "none", options);
}

/** Reads the lines that `ssh -G` prints. */
export function parseAnswers(text: string): ConfigAnswers {
  const answers = new Map<string, string[]>();
  for (const line of text.split("\n")) {
    const [, key, value] = /^(\S+) (.*)$/.exec(line) ?? [];
    if (key === undefined || value === undefined) continue;
    const values = answers.get(key.toLowerCase());
    if (values === undefined) answers.set(key.toLowerCase(), [value]);
    else values.push(value);
  }
  return answers;
}

/** The destination as ssh(1) takes it: an address without the brackets it may have in a mailbox name. */
export function destinationOf(decision: Decision): string {
  const { value, from } = decision.destination;
  // ssh(1) would read user@host and ssh://host:port here, and lead to another host than the table matched.
  if (/[@/]/.test(value) || value.startsWith("-")) {
    const trouble = from.kind === "table" ? "table" : "usage";
    throw new Failure(trouble, decision.server, `"${value}" is not the name of a host`);
  }
  return /^\[([0-9a-f:.]+(?:%[^\]]+)?)\]$/i.exec(value)?.[1] ?? value;
}

/** The table's FILE for `ssh -F`; undefined where it has none. ssh(1) itself leaves a tilde there as it is. */
export function configFile(decision: Decision, home: string): string | undefined {
  return decision.sshConfig?.value.replace(/^~(?=\/|$)/, () => home);
}

async function ask(decision: Decision, file: string | undefined, options: AskOptions) {
  const { env, signal, note } = options;
  const { user, port } = decision;
  const words = ["-G", "-T"];
  if (file !== undefined) words.push("-F", file);
  if (user !== undefined) words.push("-l", user.value);
  if (port !== undefined) words.push("-p", String(port.value));
  words.push("--", destinationOf(decision));
  const ran = await capture("ssh", words, { env, signal });
  if (ran === undefined) return undefined;
  for (const line of ran.stderr) note(`ssh -G: ${line}`);
  if (ran.status !== 0) throw refusal(decision.server, ran);
  return parseAnswers(ran.stdout);
}

/** ssh's own words: `FILE: line N: what` for a mistake in ssh_config, which then is the subject. */
function refusal(server: string, { status, stderr }: Captured): Failure {
  for (const line of stderr) {
    const [, file, number, what] = /^(.+?):? line (\d+): (.+)$/.exec(line) ?? [];
    if (what !== undefined) return new Failure("table", `${file}:${number}`, `"${what}"`);
  }
  const what = stderr[0] === undefined ? `ended with ${status}` : `says "${stderr[0]}"`;
  return new Failure("table", server, `ssh -G ${what}`);
}
