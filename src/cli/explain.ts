import { Failure } from "../failure.ts";
import { lastLegNote } from "../forwards/plan.ts";
import { openLog } from "../report/log.ts";
import { print } from "../report/results.ts";
import { commandLine } from "../session/command.ts";
import { outOfTime } from "../session/deadline.ts";
import { stateDirectory } from "../state/directory.ts";
import type { Decision } from "../table/decision.ts";
import { filesOf, readText, tablePath } from "../table/read.ts";
import { parseTable } from "../table/schema.ts";
import type { Table } from "../table/table.ts";
import { askSsh, baseline } from "../target/ask_ssh.ts";
import { readLocal } from "../target/local.ts";
import { settle, type Target } from "../target/target.ts";
import type { World } from "../world.ts";
import { columns } from "./columns.ts";
import { documented } from "./document.ts";
import { type Explained, explained } from "./explanation.ts";
import { type ForwardFinding, findingLines, findingOf, foreseen } from "./forward_report.ts";
import { notInTable } from "./not_in_table.ts";
import { plainNotes } from "./notes.ts";
import { obstaclesJson, type PinercFindings, pinercFindings, pinercLines } from "./pinerc_report.ts";
import type { ServerWords } from "./server_words.ts";
import { type ClientCall, decideAsClient, isOfAlpine, userNotes } from "./user.ts";
import { originsIn, type Sayer } from "./where.ts";

/** What there is to tell about a server that the table has. */
interface Explanation {
  readonly values: readonly Explained[];
  readonly notes: readonly string[];
  readonly forwards: readonly ForwardFinding[];
  readonly pinerc: PinercFindings | undefined;
  readonly decision: Decision;
  readonly target: Target;
}

/** `--explain`: prints what would be done for a server, each value with where it came from. Connects to nothing. */
export async function explain(world: World, words: ServerWords): Promise<number> {
  const file = tablePath(world.env, world.home);
  const found = await explanation(world, words, file);
  if (found === undefined) {
    print(world, [
      `${words.server} is not in the table ${file}: exit 1 at once, and the mail client connects directly`,
    ]);
    throw notInTable(words.server, file);
  }
  const { values, notes, forwards, pinerc, decision } = found;
  const rows = columns(values.map(({ name, shown, from }) => [name, shown, from]));
  print(world, [`table ${file}`, "", ...rows, ...notes]);
  if (forwards.length > 0) print(world, ["", ...forwards.flatMap(findingLines)]);
  if (pinerc !== undefined) print(world, ["", ...pinercLines(pinerc)]);
  return requireCommand(decision);
}

/** `--explain --json`: the same as one JSON document. Exit status and Failure as without --json. */
export function explainDocument(world: World, words: ServerWords): Promise<number> {
  return documented(world, "explain", async (document) => {
    const file = tablePath(world.env, world.home);
    document.add({ server: words.server, method: words.method, table: file });
    const found = await explanation(world, words, file);
    if (found === undefined) throw notInTable(words.server, file);
    const { values, notes, forwards, pinerc, decision, target } = found;
    document.hide(decision, target);
    document.add({
      values: Object.fromEntries(values.map(({ key, value, from }) => [key, { value, from }])),
      notes: plainNotes(notes),
      forwards: forwards.map(({ name, state, hint, notes }) => ({ name, state, hint: hint ?? null, notes })),
      pinerc: obstaclesJson(pinerc),
    });
    return requireCommand(decision);
  });
}

/** 0 for a decision with a command. Throws a Failure for one without. */
function requireCommand(decision: Decision): number {
  commandLine(decision);
  return 0;
}

/** Finds all that there is to tell; undefined for a server that the table does not have. Throws a Failure. */
async function explanation(world: World, words: ServerWords, file: string): Promise<Explanation | undefined> {
  const text = readText(file, world.uid);
  const table: Table = await parseTable(text, file, filesOf(world.home));
  const call = await decideAsClient(world, table, words);
  if (call === undefined) return undefined;
  const { decision } = call;
  const signal = limit(world, decision);
  const { target, notes } = await settleForPerson(world, call, signal);
  const origin = originsIn(file, text);
  const from: Sayer = (one) => (one.kind === "call" ? call.from : origin(one));
  const standings = await foreseen(world, decision, { signal, mayConnect: false });
  return {
    values: explained(decision, target, origin, from),
    notes: [...notes, ...lastLeg(decision, target)],
    forwards: standings.map((standing) => findingOf(standing, decision, target)),
    pinerc: isOfAlpine(call) ? await pinercFindings(world, table, call) : undefined,
    ...{ decision, target },
  };
}

/** The target that a decision comes to with ssh_config. Throws a Failure. */
export async function settledTarget(world: World, decision: Decision): Promise<Target> {
  const signal = AbortSignal.timeout(decision.deadline.value);
  const note = openLog(stateDirectory(world.env, world.home), world);
  const answers = await askSsh(decision, { env: world.env, home: world.home, signal, note });
  return settle(decision, answers, await readLocal(world, decision, answers, signal));
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
  const passed = target.passedOver.map(({ keyword, why }) => `note: ${keyword}: ${why}: ignored`);
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
