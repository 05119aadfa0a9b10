import { Failure } from "../failure.ts";
import type { Carry } from "../forwards/carry.ts";
import { endpointText } from "../forwards/plan.ts";
import { replyText, tryTarget } from "../forwards/try_target.ts";
import type { Person } from "../person.ts";
import { Progress } from "../progress.ts";
import { logRemarks, openLog } from "../report/log.ts";
import { personAt } from "../report/person_at.ts";
import { print, tellPerson } from "../report/results.ts";
import { Logins } from "../second_chances.ts";
import { described, type End, statusOf } from "../session/exit.ts";
import { FAREWELL_MS } from "../session/farewell.ts";
import { type Opened, type OpeningOptions, openSession, takeLeave } from "../session/opening.ts";
import type { RemoteCommand } from "../ssh/channel/remote_command.ts";
import { stateDirectory } from "../state/directory.ts";
import { oddRecords } from "../state/record.ts";
import type { Decision } from "../table/decision.ts";
import { readText, tablePath } from "../table/read.ts";
import { parseTable } from "../table/schema.ts";
import type { World } from "../world.ts";
import { foreseen, forwardLines } from "./forward_report.ts";
import { type Selected, selectInbox } from "./inbox.ts";
import { alpinesPatience, canonicalNotes, pinercReport } from "./pinerc_report.ts";
import type { ServerWords } from "./server_words.ts";
import { Timeline } from "./timeline.ts";
import { decideAsClient, userNotes } from "./user.ts";
import { originsIn } from "./where.ts";

/**
 * `--check`: makes the connection of a mail call step by step, with a line and the time for each, up to a first
 * SELECT of INBOX. The exit status is 0 only when INBOX was opened for reading and writing: 78 for reading alone, which
 * the table may mend, 69 when it was not opened, and else the one that the mail call would have had.
 */
export async function check(world: World, words: ServerWords): Promise<number> {
  const file = tablePath(world.env, world.home);
  const timeline = new Timeline(world);
  const state = stateDirectory(world.env, world.home);
  // Before anything is logged, which makes right what can be.
  const remarks = [...logRemarks(state, world.uid), ...oddRecords(state)];
  const text = readText(file, world.uid);
  const table = await parseTable(text, file);
  const call = await decideAsClient(world, table, words);
  if (call === undefined) {
    timeline.done("table", `${file} does not have it: the mail client goes direct`);
    return 1;
  }
  const { decision } = call;
  timeline.done("table", originsIn(file, text)({ kind: "table", path: ["host", decision.host] }));
  // About the host key; passwords are asked by --login alone.
  const terminal = world.terminal();
  const person = terminal && personAt(terminal);
  try {
    return await connectAndSelect(world, decision, timeline, { person, interactive: false });
  } finally {
    const bars = timeline.bars();
    if (bars.length > 0) print(world, ["", ...bars]);
    const signal = AbortSignal.timeout(decision.deadline.value);
    print(world, [
      ...remarks.map((remark) => `note: ${remark}`),
      ...["", alpinesPatience(world, timeline.greeted)],
      ...(await pinercReport(world, table, call)),
      ...(await canonicalNotes(table, call, signal)),
      ...(await userNotes(world, call)),
    ]);
  }
}

/** Who can be asked while a connection is made. */
interface Asked {
  readonly person: Person | undefined;
  /** Whether for passwords and passphrases, too. */
  readonly interactive: boolean;
}

/** Makes the connection of a decision with a line for each step, and opens INBOX; gives the exit status. Throws a Failure. */
export async function connectAndSelect(
  world: World,
  decision: Decision,
  timeline: Timeline,
  { person, interactive }: Asked,
): Promise<number> {
  const { server, method } = decision;
  const note = openLog(stateDirectory(world.env, world.home), world);
  const progress = new Progress((step, outcome) => timeline.done(step, outcome));
  const broken = new AbortController();
  world.onSignal((signal, status) => broken.abort(new Failure("gone", server, signal, { status })));
  const onRemark = (line: string): void => {
    note(`${server}: said: ${line}`);
    print(world, [`  the server says: ${line}`]);
  };
  const options: OpeningOptions = {
    world,
    note,
    progress,
    broken: broken.signal,
    purpose: "check",
    onRemark,
    logins: new Logins(),
  };
  const asked = { person: person && timeline.patient(person), interactive };
  const opened = await openSession(decision, { ...options, ...asked }).catch((error: unknown) => {
    timeline.failed(progress.step);
    throw decision.share.value ? error : withSharing(error);
  });
  timeline.greeted = timeline.now();
  const pinged = performance.now();
  opened.connection.ping(() => {
    timeline.roundTrip = performance.now() - pinged;
  });
  try {
    await checkForwards(world, decision, opened, broken.signal);
    if (method !== "imap") return 0;
    if (!/^\* PREAUTH/i.test(String(opened.first[0]))) return await leaveUnopened(world, opened, timeline);
    return await select(world, opened, { decision, timeline, broken });
  } finally {
    await takeLeave(opened.connection);
  }
}

/** A login on a terminal is of use to mail calls only where they share its connection. */
function withSharing(error: unknown): unknown {
  if (!(error instanceof Failure) || !error.hints.some((hint) => hint.includes("preauth --login")))
    return error;
  const { trouble, subject, what, status, hints } = error;
  const share = "for mail calls to use that login, write into its [[host]]: share = true";
  return new Failure(trouble, subject, what, { status, hints: [...hints, share], cause: error });
}

/** Prints how each forward would stand, and whether its target answers through the server. Listens on nothing. */
async function checkForwards(
  world: World,
  decision: Decision,
  { connection, target }: Opened,
  signal: AbortSignal,
): Promise<void> {
  const carry: Carry = (to, origin) => connection.forward(to, origin);
  for (const standing of await foreseen(world, decision, { signal, mayConnect: true })) {
    const { to } = standing.forward;
    print(world, forwardLines(standing, decision, target));
    // A METHOD is looked at by a check of its own: of imap this is it.
    if (to === undefined) continue;
    const answer = await tryTarget(to, { carry, limit: ANSWER_MS, signal });
    print(world, [`  through ${decision.server}: ${replyText(endpointText(to), answer)}`]);
  }
}

/** Milliseconds that the target of a forward has to say its first line. */
const ANSWER_MS = 3000;

/** What a SELECT needs beside the session. */
interface Selecting {
  readonly decision: Decision;
  readonly timeline: Timeline;
  readonly broken: AbortController;
}

async function select(
  world: World,
  opened: Opened,
  { decision, timeline, broken }: Selecting,
): Promise<number> {
  const { server } = decision;
  const late = (): void =>
    broken.abort(new Failure("deadline", server, `SELECT INBOX took longer than ${SELECT_S} s`));
  const timer = setTimeout(late, SELECT_S * 1000);
  const { remote, first } = opened;
  try {
    const selected = await selectInbox(remote, first[1] ?? Buffer.alloc(0), broken.signal);
    if (selected === undefined) throw endedInSelect(server, await remote.ended);
    const { answer, messages } = selected;
    timeline.done("select", messages === undefined ? answer : `${answer} (${messages} messages)`);
    const end = await farewell(remote);
    print(world, [`ended ${described(end)}`]);
    const objection = objectionTo(selected, decision);
    if (objection === undefined) return statusOf(end);
    tellPerson(world, objection);
    return objection.status;
  } catch (error) {
    timeline.failed("select");
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** INBOX is the mail program's to open, which logs in by itself where the greeting was OK. */
async function leaveUnopened(world: World, { remote }: Opened, timeline: Timeline): Promise<number> {
  timeline.done("select", "not tried: the mail program logs in by itself");
  remote.stdin.end("a1 LOGOUT\r\n");
  remote.stdout.resume();
  print(world, [`ended ${described(await farewell(remote))}`]);
  return UNOPENED;
}

/** Waits for the end after LOGOUT no longer than a mail call would (section 3.4 of RFC 3501 has the server close). */
async function farewell(remote: RemoteCommand): Promise<End> {
  let timer: NodeJS.Timeout | undefined;
  const left = new Promise<End>((resolve) => {
    timer = setTimeout(() => {
      remote.hangUp();
      resolve({ kind: "left" });
    }, FAREWELL_MS);
  });
  const end = await Promise.race([remote.ended, left]);
  clearTimeout(timer);
  return end;
}

function endedInSelect(server: string, end: End): Failure {
  const trouble = end.kind === "lost" ? "lost" : "command";
  return new Failure(trouble, server, `the IMAP server ended ${described(end)} instead of opening INBOX`, {
    status: UNOPENED,
  });
}

/** EX_UNAVAILABLE of sysexits(3). */
const UNOPENED = 69;

/** Seconds that a SELECT may take: a large mbox is read from end to end. */
const SELECT_S = 60;

/** What is wrong with an INBOX for a mail program that wants to read and delete mail; undefined for nothing. */
function objectionTo(
  { isOk, isReadOnly, answer }: Selected,
  { server, command }: Decision,
): Failure | undefined {
  if (isOk && !isReadOnly) return undefined;
  const isAuto = command?.value.kind === "auto";
  const hints = isAuto ? [] : ['let preauth find the imapd and the mail: commands.imap = "auto"'];
  return isOk
    ? new Failure("table", server, `INBOX can be read but not written: "${answer}"`, {
        hints: [...hints, "ask over there for the right to write the mail, and to make locks beside it"],
      })
    : new Failure("command", server, `INBOX cannot be opened: "${answer}"`, {
        hints: [...hints, "ask over there where the mail is, and for the right to write it"],
      });
}
