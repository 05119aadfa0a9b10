import { Failure } from "../failure.ts";
import { endpointText, lastLegNote } from "../forwards/plan.ts";
import { openLog } from "../report/log.ts";
import { print } from "../report/results.ts";
import { outOfTime } from "../session/deadline.ts";
import { stateDirectory } from "../state/directory.ts";
import type { Command, Decision, Settled } from "../table/decision.ts";
import { readText, tablePath } from "../table/read.ts";
import { parseTable } from "../table/schema.ts";
import { askSsh, baseline } from "../target/ask_ssh.ts";
import { readLocal } from "../target/local.ts";
import { settle, type Target } from "../target/target.ts";
import type { World } from "../world.ts";
import { columns } from "./columns.ts";
import { foreseen, forwardLines } from "./forward_report.ts";
import { readPinerc } from "./pinerc_files.ts";
import { pinercReport } from "./pinerc_report.ts";
import type { ServerWords } from "./server_words.ts";
import { type ClientCall, decideAsClient, userNotes } from "./user.ts";
import { originsIn, type Sayer } from "./where.ts";

/** `--explain`: prints what would be done for a server, each value with where it came from. Connects to nothing. */
export async function explain(world: World, words: ServerWords): Promise<number> {
  const file = tablePath(world.env, world.home);
  const text = readText(file, world.uid);
  const table = await parseTable(text, file);
  const call = await decideAsClient(world, table, words);
  if (call === undefined) {
    print(world, [
      `${words.server} is not in the table ${file}: exit 1 at once, and the mail client goes direct`,
    ]);
    return 1;
  }
  const { decision } = call;
  const signal = limit(world, decision);
  const { target, notes } = await settleForPerson(world, call, signal);
  const origin = originsIn(file, text);
  const from: Sayer = (one) => (one.kind === "call" ? call.from : origin(one));
  const rows = columns(rowsOf(decision, target, origin, from));
  print(world, [`table ${file}`, "", ...rows, ...notes, ...lastLeg(decision, target)]);
  const standings = await foreseen(world, decision, { signal, mayConnect: false });
  if (standings.length > 0) {
    print(world, ["", ...standings.flatMap((standing) => forwardLines(standing, decision, target))]);
  }
  if (readPinerc(world) !== undefined) print(world, ["", ...(await pinercReport(world, table, call))]);
  if (decision.command !== undefined) return 0;
  throw new Failure("command", words.server, `the table has no command for METHOD "${words.method}"`);
}

/** Aborted at the deadline of a decision, and by a signal. */
function limit(world: World, { server, deadline }: Decision): AbortSignal {
  const ends = new AbortController();
  world.onSignal((signal, status) => ends.abort(new Failure("gone", server, signal, { status })));
  const expire = (): void => ends.abort(outOfTime(server, "looking at this machine", deadline.value));
  setTimeout(expire, deadline.value).unref();
  return ends.signal;
}

/** The target of a decision with ssh_config told apart from ssh(1)'s defaults, and what to know beside it. */
async function settleForPerson(
  world: World,
  call: ClientCall,
  signal: AbortSignal,
): Promise<{ readonly target: Target; readonly notes: readonly string[] }> {
  const { decision } = call;
  const options = {
    env: world.env,
    home: world.home,
    signal,
    note: openLog(stateDirectory(world.env, world.home), world),
  };
  const [answers, plain, notes] = await Promise.all([
    askSsh(decision, options),
    baseline(decision, options),
    userNotes(world, call),
  ]);
  const local = await readLocal(world, decision, answers, signal);
  const target = settle(decision, answers, local, plain);
  const passed = target.passedOver.map(({ keyword, why }) => `note: ${keyword}: ${why}: passed over`);
  if (answers === undefined)
    return { target, notes: ["", "note: there is no ssh on PATH: ssh_config is not read"] };
  const all = [...notes, ...passed];
  return { target, notes: all.length === 0 ? [] : ["", ...all] };
}

/** A note where a METHOD is a port of another machine than the server. */
function lastLeg({ server, destination, command }: Decision, target: Target): readonly string[] {
  if (command?.value.kind !== "port") return [];
  const note = lastLegNote(command.value, [server, destination.value, target.host.value]);
  return note === undefined ? [] : ["", `note: ${note}`];
}

type Row = readonly [name: string, value: string, from: string];

function rowsOf(decision: Decision, target: Target, origin: Sayer, user: Sayer): readonly Row[] {
  const row = <T>(name: string, { value, from }: Settled<T>, show: (value: T) => string = String): Row => [
    name,
    show(value),
    origin(from),
  ];
  const list = (values: readonly string[]): string => values.join(" ") || "none";
  const { command } = decision;
  return [
    ["server", decision.server, "the call"],
    ["match", `[[host]] ${decision.host + 1}`, origin({ kind: "table", path: ["host", decision.host] })],
    row("ssh to", decision.destination),
    row("address", target.host),
    row("port", target.port),
    row("family", target.addressFamily),
    ["user", target.user.value, user(target.user.from)],
    command === undefined ? ["command", "none for this METHOD", ""] : row("command", command, commandText),
    row("known as", target.hostKeyName),
    row("known_hosts", target.knownHosts, list),
    row("identities", target.identityFiles, list),
    row("only these", target.identitiesOnly, yesNo),
    row("agent", target.agent, (socket) => socket ?? "none"),
    row("proxy", target.proxyCommand, (line) => line ?? "none"),
    row("compression", target.compression, yesNo),
    row("on_failure", decision.onFailure),
    row("deadline", decision.deadline, inSeconds),
    row("share", decision.share, yesNo),
    row("persist", decision.persist, (value) => `${value === "forever" ? value : inSeconds(value)}`),
    row("spare", decision.spare, String),
  ];
}

function commandText(command: Command): string {
  switch (command.kind) {
    case "auto":
      return "auto: the first imapd that is found there";
    case "line":
      return command.line;
    case "port":
      return `port ${endpointText(command.to)} as seen from there${command.login === "nobody" ? "" : "; the client logs in"}`;
  }
}

function yesNo(value: boolean): string {
  return value ? "yes" : "no";
}

function inSeconds(ms: number): string {
  return `${ms / 1000} s`;
}
