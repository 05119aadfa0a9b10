import { Failure, type Trouble } from "../failure.ts";
import type { Carry } from "../forwards/carry.ts";
import { endpointText } from "../forwards/plan.ts";
import { replyHints, replyText, tryTarget } from "../forwards/try_target.ts";
import type { Person } from "../person.ts";
import { Progress } from "../progress.ts";
import { logRemarks, openLog } from "../report/log.ts";
import { personAt } from "../report/person_at.ts";
import { print } from "../report/results.ts";
import { Logins } from "../second_chances.ts";
import { type Opened, type OpeningOptions, openSession, takeLeave } from "../session/opening.ts";
import { stateDirectory } from "../state/directory.ts";
import { oddRecords } from "../state/record.ts";
import type { Decision } from "../table/decision.ts";
import { filesOf, readText, tablePath } from "../table/read.ts";
import { parseTable } from "../table/schema.ts";
import { byHand, typed } from "../target/by_hand.ts";
import type { World } from "../world.ts";
import { type Findings, printedFindings } from "./findings.ts";
import { findingOf, foreseen } from "./forward_report.ts";
import { notInTable } from "./not_in_table.ts";
import { openInbox } from "./opened_inbox.ts";
import { tryOther } from "./other_method.ts";
import { alpinesPatience, canonicalNotes, pinercFindings, pinercLines } from "./pinerc_report.ts";
import type { ServerWords } from "./server_words.ts";
import { Timeline } from "./timeline.ts";
import { type ClientCall, decideAsClient, isOfAlpine, userNotes } from "./user.ts";
import { originsIn } from "./where.ts";

/**
 * `--check`: makes the connection of a mail call step by step, with a line and the time for each, up to a first
 * SELECT of INBOX. The exit status is 0 only when INBOX was opened for reading and writing: 78 for reading alone, which
 * the table may mend, 69 when it was not opened, and else the one that the mail call would have had.
 */
export async function check(world: World, words: ServerWords): Promise<number> {
  const timeline = new Timeline(world);
  const { call, remarks, file } = await beginCheck(world, words, timeline);
  // About the host key; passwords are asked by --login alone.
  const terminal = world.terminal();
  const person = terminal && personAt(terminal, world);
  try {
    return await connectAndSelect(world, call.decision, timeline, { person, interactive: false });
  } finally {
    const bars = timeline.bars();
    if (bars.length > 0) print(world, ["", ...bars]);
    print(world, [
      ...remarks.map((remark) => `note: ${remark}`),
      ...(isOfAlpine(call)
        ? [
            ...["", alpinesPatience(world, timeline.greeted)],
            ...pinercLines(await pinercFindings(world, file.table, call)),
          ]
        : []),
      ...(await checkNotes(world, file.table, call)),
    ]);
  }
}

/** What a check begins with: the call, the table that decided it, and what ailed the files of the state directory. */
export interface BegunCheck {
  readonly call: ClientCall;
  readonly file: { readonly path: string; readonly table: Awaited<ReturnType<typeof parseTable>> };
  readonly remarks: readonly string[];
}

/** Reads the table, which is the first step. Throws a Failure, also for a server that the table does not have. */
export async function beginCheck(world: World, words: ServerWords, timeline: Timeline): Promise<BegunCheck> {
  const path = tablePath(world.env, world.home);
  const state = stateDirectory(world.env, world.home);
  // Before anything is logged, which makes right what can be.
  const remarks = [...logRemarks(state, world.uid), ...oddRecords(state)];
  const text = readText(path, world.uid);
  const table = await parseTable(text, path, filesOf(world.home));
  const call = await decideAsClient(world, table, words);
  if (call === undefined) {
    timeline.done("table", `${path} does not have it: the mail client connects directly`);
    throw notInTable(words.server, path);
  }
  timeline.done("table", originsIn(path, text)({ kind: "table", path: ["host", call.decision.host] }));
  return { call, file: { path, table }, remarks };
}

/** What to know about a call beside its steps: other names and other users of the mail program's. */
export async function checkNotes(
  world: World,
  table: BegunCheck["file"]["table"],
  call: ClientCall,
): Promise<readonly string[]> {
  const signal = AbortSignal.timeout(call.decision.deadline.value);
  const names = isOfAlpine(call) ? await canonicalNotes(table, call, signal) : [];
  return [...names, ...(await userNotes(world, call))];
}

/** Who can be asked while a connection is made, and where goes what is found beside its steps. */
interface Surroundings {
  readonly person: Person | undefined;
  /** Whether for passwords and passphrases, too. */
  readonly interactive: boolean;
  /** Default: each is printed. */
  readonly findings?: Findings;
}

/** Makes the connection of a decision with a line for each step, and opens INBOX; gives the exit status. Throws a Failure. */
export async function connectAndSelect(
  world: World,
  decision: Decision,
  timeline: Timeline,
  { person, interactive, findings = printedFindings(world) }: Surroundings,
): Promise<number> {
  const { server, method } = decision;
  const note = openLog(stateDirectory(world.env, world.home), world);
  const progress = new Progress((step, outcome) => timeline.done(step, outcome));
  const broken = new AbortController();
  world.onSignal((signal, status) => broken.abort(new Failure("gone", server, signal, { status })));
  const onRemark = (line: string): void => {
    note(`${server}: said: ${line}`);
    findings.remark(line);
  };
  const options: OpeningOptions = {
    world,
    note,
    progress,
    broken: broken.signal,
    purpose: interactive ? "first" : "check",
    onRemark,
    logins: new Logins(),
  };
  const asked = person && timeline.patient(person);
  const opened = await openSession(decision, { ...options, person: asked }).catch((error: unknown) => {
    timeline.failed(progress.step);
    const explained = withSsh(error, decision, world.home);
    throw decision.share.value ? explained : withSharing(explained);
  });
  if (method === "imap") timeline.greeted = timeline.now();
  const pinged = performance.now();
  opened.connection.ping(() => {
    timeline.roundTrip = performance.now() - pinged;
  });
  try {
    await checkForwards(world, decision, opened, { findings, signal: broken.signal });
    if (method !== "imap") {
      const trying = { world, decision, timeline, progress, findings, broken: broken.signal, onRemark };
      return await tryOther(opened, trying);
    }
    return await openInbox(opened, { decision, timeline, findings, broken });
  } finally {
    await takeLeave(opened.connection);
  }
}

/** A failure that nobody has a hint for: ssh(1) tells on its way what it is told, and whether it fares better. */
function withSsh(error: unknown, decision: Decision, home: string): unknown {
  if (!(error instanceof Failure) || error.hints.length > 0 || !OF_SERVERS.has(error.trouble)) return error;
  const { trouble, subject, what, status } = error;
  const hints = [`see what ssh says on the way: ${typed("ssh", "-v", ...byHand(decision, home))}`];
  return new Failure(trouble, subject, what, { status, hints, cause: error });
}

/** Troubles that lie on the way or at its end. */
const OF_SERVERS: ReadonlySet<Trouble> = new Set([
  "network",
  "auth",
  "hostkey",
  "deadline",
  "command",
  "lost",
]);

/** A login on a terminal is of use to mail calls only where they share its connection. */
function withSharing(error: unknown): unknown {
  if (!(error instanceof Failure) || !error.hints.some((hint) => hint.includes("preauth --login")))
    return error;
  const { trouble, subject, what, status, hints } = error;
  const share = "for mail calls to use that login, write into its [[host]]: share = true";
  return new Failure(trouble, subject, what, { status, hints: [...hints, share], cause: error });
}

/** Finds how each forward would stand, and whether its target answers through the server. Listens on nothing. */
async function checkForwards(
  world: World,
  decision: Decision,
  { connection, target }: Opened,
  { findings, signal }: { readonly findings: Findings; readonly signal: AbortSignal },
): Promise<void> {
  const carry: Carry = (to, origin) => connection.forward(to, origin);
  for (const standing of await foreseen(world, decision, { signal, mayConnect: true })) {
    const finding = findingOf(standing, decision, target);
    const { to } = standing.forward;
    // A METHOD is looked at by a check of its own: of imap this is it.
    const answer = to && (await tryTarget(to, { carry, limit: ANSWER_MS, signal }));
    const said = answer && `through ${decision.server}: ${replyText(endpointText(to), answer)}`;
    const [hint] = answer === undefined ? [] : replyHints(answer);
    findings.forward({ ...finding, hint: finding.hint ?? hint, answer: said });
  }
}

/** Milliseconds that the target of a forward has to say its first line. */
const ANSWER_MS = 3000;
