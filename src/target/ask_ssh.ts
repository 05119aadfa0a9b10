import { Failure } from "../failure.ts";
import type { Note } from "../report/note.ts";
import type { Decision } from "../table/decision.ts";
import { expandJumps, parseJumps } from "./jump.ts";
import { type ProgramEnd, runProgram } from "./run_program.ts";

/** What ssh(1) makes of ssh_config for one destination: keys in lower case, each with all of its values. */
export type RawAnswers = ReadonlyMap<string, readonly string[]>;

export interface AskSshOptions {
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
export async function askSsh(decision: Decision, options: AskSshOptions): Promise<RawAnswers | undefined> {
  const file = configFile(decision, options.home);
  const answers = await answersOf(wordsFor(decision, file), decision.server, options);
  if (answers === undefined) return undefined;
  const chain = await wholeChain(decision, answers, file, options);
  return chain === undefined ? answers : new Map([...answers, ["proxyjump", [chain]]]);
}

/** The same as though there were no ssh_config at all: what differs from it was written by somebody. */
export function baseline(decision: Decision, options: AskSshOptions): Promise<RawAnswers | undefined> {
  return answersOf(wordsFor(decision, "none"), decision.server, options);
}

/** Reads the lines that `ssh -G` prints. */
export function parseAnswers(text: string): RawAnswers {
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
    const hints = from.kind === "table" ? apart(value) : [];
    throw new Failure(trouble, decision.server, `"${value}" is not the name of a host`, { hints });
  }
  return /^\[([0-9a-f:.]+(?:%[^\]]+)?)\]$/i.exec(value)?.[1] ?? value;
}

/** What to write in place of user@host:port, or of an address as of ssh, mail programs and browsers: SCHEME://HOST/PATH. */
function apart(destination: string): readonly string[] {
  const [, scheme, address = ""] = /^(?:([a-z]+):\/\/)?([^/]*)/i.exec(destination) ?? [];
  const [jump] = parseJumps(address) ?? [];
  if (jump === undefined || /[@/]/.test(jump.host)) return [];
  const { user, host, port } = jump;
  // The port of another protocol is not sshd's.
  const isOfSsh = scheme === undefined || /^(?:ssh|sftp|scp)$/i.test(scheme);
  return [
    `write its parts separately: server = ${JSON.stringify(host)}`,
    ...(user === undefined ? [] : [`and: user = ${JSON.stringify(user)}`]),
    ...(port === undefined || !isOfSsh ? [] : [`and: port = ${port}`]),
  ];
}

/** The table's FILE for `ssh -F`; undefined where it has none. ssh(1) itself leaves a tilde there as it is. */
export function configFile(decision: Decision, home: string): string | undefined {
  return decision.sshConfig?.value.replace(/^~(?=\/|$)/, () => home);
}

function wordsFor(decision: Decision, file: string | undefined): readonly string[] {
  const { user, port } = decision;
  return words(file, user?.value, port?.value, destinationOf(decision));
}

function words(
  file: string | undefined,
  user: string | undefined,
  port: string | number | undefined,
  destination: string,
): readonly string[] {
  return [
    ...["-G", "-T"],
    ...(file === undefined ? [] : ["-F", file]),
    ...(user === undefined ? [] : ["-l", user]),
    ...(port === undefined ? [] : ["-p", String(port)]),
    ...["--", destination],
  ];
}

async function answersOf(words: readonly string[], server: string, { env, signal, note }: AskSshOptions) {
  const ran = await runProgram("ssh", words, { env, signal });
  if (ran === undefined) return undefined;
  for (const line of ran.stderr) note(`ssh -G: ${line}`);
  if (ran.status !== 0) throw refusal(server, ran);
  return parseAnswers(ran.stdout);
}

/** More hosts on the way than this go in a circle. */
const MOST_JUMPS = 10;

/**
 * The ProxyJump of the destination, with what its first host is reached through by a ProxyJump of its own before it,
 * and so on: ssh would start those by itself, without what we ask of every host on the way (jump.ts). Undefined where
 * there is none. Tokens are expanded, percent signs doubled. Throws a Failure for a circle.
 */
async function wholeChain(
  decision: Decision,
  answers: RawAnswers,
  file: string | undefined,
  options: AskSshOptions,
): Promise<string | undefined> {
  const { server } = decision;
  const one = (from: RawAnswers, key: string): string => from.get(key)?.[0] ?? "";
  const jumpOf = (from: RawAnswers): string => one(from, "proxyjump").replace(/^none$/i, "");
  if (jumpOf(answers) === "") return undefined;
  const tokens = { h: one(answers, "hostname"), p: one(answers, "port"), r: one(answers, "user") };
  const given = { ...tokens, "%": "%", n: destinationOf(decision) };
  let chain = expandJumps(jumpOf(answers), given, server);
  for (;;) {
    const [first, ...others] = parseJumps(chain) ?? [];
    // A jump that makes no sense is told where it is followed.
    if (first === undefined) return chain.replaceAll("%", "%%");
    if (others.length >= MOST_JUMPS) throw new Failure("table", server, "ProxyJump goes in a circle");
    const way = await answersOf(words(file, first.user, first.port, first.host), server, options);
    const before = way === undefined ? "" : jumpOf(way);
    if (way === undefined || before === "") return chain.replaceAll("%", "%%");
    const its = { h: one(way, "hostname"), p: one(way, "port"), r: one(way, "user") };
    chain = `${expandJumps(before, { ...its, "%": "%", n: first.host }, server)},${chain}`;
  }
}

/** ssh's own words: `FILE: line N: what` for a mistake in ssh_config, which then is the subject. */
function refusal(server: string, { status, stderr }: ProgramEnd): Failure {
  for (const line of stderr) {
    const [, file, number, what] = /^(.+?):? line (\d+): (.+)$/.exec(line) ?? [];
    if (what !== undefined) return new Failure("table", `${file}:${number}`, `"${what}"`);
  }
  const what = stderr[0] === undefined ? `ended with ${status}` : `says "${stderr[0]}"`;
  return new Failure("table", server, `ssh -G ${what}`);
}
