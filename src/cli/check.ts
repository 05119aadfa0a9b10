import { Failure } from "../failure.ts";
import { openLog } from "../report/log.ts";
import { print, tellPerson } from "../report/speak.ts";
import { described, statusOf } from "../session/exit.ts";
import { selectInbox } from "../session/inbox.ts";
import { type Opened, openSession } from "../session/opening.ts";
import { Progress } from "../ssh/progress.ts";
import { stateDirectory } from "../state/directory.ts";
import { decide } from "../table/decide.ts";
import type { Decision } from "../table/decision.ts";
import { readText, tablePath } from "../table/read.ts";
import { parseTable } from "../table/schema.ts";
import type { World } from "../world.ts";
import { originsIn } from "./origin.ts";
import { pinercReport } from "./pinerc_report.ts";
import { Timeline } from "./timeline.ts";
import type { ServerWords } from "./verbs.ts";

/**
 * `--check`: makes the connection of a mail call step by step, with a line and the time for each, up to a first
 * SELECT of INBOX. The exit status is the one that the mail call would have had.
 */
export async function check(world: World, words: ServerWords): Promise<number> {
  const file = tablePath(world.env, world.home);
  const timeline = new Timeline(world);
  const text = readText(file, world.uid);
  const table = await parseTable(text, file);
  const decision = await decide(table, words);
  if (decision === undefined) {
    timeline.done("table", `${file} does not have it: the mail client goes direct`);
    return 1;
  }
  timeline.done("table", originsIn(file, text)({ kind: "table", path: ["host", decision.host] }));
  try {
    return await connectAndSelect(world, decision, timeline);
  } finally {
    print(world, await pinercReport(world, table, decision, timeline.greeted));
  }
}

async function connectAndSelect(world: World, decision: Decision, timeline: Timeline): Promise<number> {
  const { server, method } = decision;
  const note = openLog(stateDirectory(world.env, world.home), world.pid);
  const progress = new Progress((step, outcome) => timeline.done(step, outcome));
  const broken = new AbortController();
  world.onSignal((signal, status) => broken.abort(new Failure("gone", server, signal, { status })));
  const onRemark = (line: string): void => {
    note(`${server}: said: ${line}`);
    print(world, [`  the server says: ${line}`]);
  };
  const options = { world, note, progress, broken: broken.signal, heedsMemory: false, onRemark };
  const opened = await openSession(decision, options).catch((error: unknown) => {
    timeline.failed(progress.step);
    throw error;
  });
  timeline.greeted = world.elapsed();
  try {
    return method === "imap" ? await select(world, opened, { server, timeline, broken }) : 0;
  } finally {
    opened.connection.end();
  }
}

/** What a SELECT needs beside the session. */
interface Selecting {
  readonly server: string;
  readonly timeline: Timeline;
  readonly broken: AbortController;
}

async function select(
  world: World,
  opened: Opened,
  { server, timeline, broken }: Selecting,
): Promise<number> {
  const late = (): void =>
    broken.abort(new Failure("deadline", server, `SELECT INBOX took longer than ${SELECT_S} s`));
  const timer = setTimeout(late, SELECT_S * 1000);
  try {
    const { isOk, answer, messages } = await selectInbox(
      opened.remote,
      opened.first[1] ?? Buffer.alloc(0),
      broken.signal,
    );
    timeline.done("select", messages === undefined ? answer : `${answer} (${messages} messages)`);
    if (!isOk) tellPerson(world, unselected(server, answer));
    const end = await opened.remote.ended;
    print(world, [`ended ${described(end)}`]);
    return statusOf(end);
  } finally {
    clearTimeout(timer);
  }
}

/** Seconds that a SELECT may take: a large mbox is read from end to end. */
const SELECT_S = 60;

function unselected(server: string, answer: string): Failure {
  return new Failure("command", server, `INBOX cannot be opened: "${answer}"`, {
    hints: [
      "the server runs, but does not find or may not write the mail; ask for its configuration over there",
      'Dovecot with mail in ~/Maildir: commands.imap = "exec /usr/lib/dovecot/imap -o mail_location=maildir:~/Maildir -o mail_privileged_group="',
    ],
  });
}
