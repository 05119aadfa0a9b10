import { Failure } from "../failure.ts";
import { portOf } from "../session/command.ts";
import { described, type End, quotedTail, statusOf } from "../session/exit.ts";
import { FAREWELL_MS } from "../session/farewell.ts";
import type { Opened } from "../session/opening.ts";
import type { Remarks } from "../session/remarks.ts";
import type { RemoteCommand } from "../ssh/channel/remote_command.ts";
import type { Decision } from "../table/decision.ts";
import type { Findings } from "./findings.ts";
import { countText, type Selected, selectInbox } from "./inbox.ts";
import { ofEmpty, otherMail } from "./other_mail.ts";
import type { Timeline } from "./timeline.ts";

/** EX_UNAVAILABLE of sysexits(3). */
const UNOPENED = 69;

/** Seconds that a SELECT may take: a large mbox is read from end to end. */
const SELECT_S = 60;

/** What it takes to open INBOX, beside the session. */
export interface OpeningInbox {
  readonly decision: Decision;
  readonly timeline: Timeline;
  readonly findings: Findings;
  readonly broken: AbortController;
}

/** Opens INBOX, and gives the status that the imapd ended with. Throws a Failure where it is not opened for writing. */
export async function openInbox(
  opened: Opened,
  { decision, timeline, findings, broken }: OpeningInbox,
): Promise<number> {
  if (!/^\* PREAUTH/i.test(String(opened.first[0]))) return leaveUnopened(opened, timeline, findings);
  const { server } = decision;
  const late = (): void =>
    broken.abort(new Failure("deadline", server, `SELECT INBOX took longer than ${SELECT_S} s`));
  const timer = setTimeout(late, SELECT_S * 1000);
  const { remote, first, remarks } = opened;
  let objection: Failure | undefined;
  try {
    const selected = await selectInbox(remote, first[1] ?? Buffer.alloc(0), broken.signal);
    if (selected === undefined) throw endedInSelect(server, await remote.ended, remarks);
    const { answer, messages } = selected;
    timeline.done("select", `${answer}${countText(messages)}`);
    const end = await farewell(remote);
    findings.ended(described(end));
    objection = objectionTo(selected, decision, remarks);
    if (messages === 0)
      objection ??= await objectionToEmpty(opened, selected, { decision, findings, broken });
    if (objection === undefined) return statusOf(end);
  } catch (error) {
    timeline.failed("select");
    throw error;
  } finally {
    clearTimeout(timer);
  }
  throw objection;
}

/** What is wrong with an INBOX without a message: that the mail is elsewhere; undefined for nothing. */
async function objectionToEmpty(
  { connection }: Opened,
  selected: Selected,
  { decision, findings, broken }: Omit<OpeningInbox, "timeline">,
): Promise<Failure | undefined> {
  // Where nothing runs on the remote host, nothing can look around there.
  if (portOf(decision) !== undefined) return undefined;
  const mail = await otherMail(connection, broken.signal);
  if (mail === undefined) return undefined;
  const { note, objection } = ofEmpty(selected, mail, decision);
  if (note !== undefined) findings.note(note);
  return objection;
}

/** INBOX is the mail program's to open, which logs in by itself where the greeting was OK. */
async function leaveUnopened({ remote }: Opened, timeline: Timeline, findings: Findings): Promise<number> {
  timeline.done("select", "not tried: the mail program logs in by itself");
  remote.stdin.end("a1 LOGOUT\r\n");
  remote.stdout.resume();
  findings.ended(described(await farewell(remote)));
  return UNOPENED;
}

/** Waits for the end after LOGOUT no longer than a mail call would (section 3.4 of RFC 3501 has the server close). */
export async function farewell(remote: RemoteCommand): Promise<End> {
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

function endedInSelect(server: string, end: End, { telling }: Remarks): Failure {
  const trouble = end.kind === "lost" ? "lost" : "command";
  const ended = `the IMAP server ended ${described(end)} instead of opening INBOX`;
  return new Failure(trouble, server, `${ended}${quotedTail(unmarked(telling))}`, { status: UNOPENED });
}

/** Without what Dovecot marks the lines of its log with. */
function unmarked(line: string): string {
  return line.replace(/^imap\([^()]*\)(?:<[^<>]*>)*: (?=.)/, "");
}

/** An answer that leads to a log, which is our standard error where nobody else has it (RFC 5530 section 3). */
const VAGUE = /\[SERVERBUG\]|\binternal error\b/i;

/** What is wrong with an INBOX for a mail program that wants to read and delete mail; undefined for nothing. */
function objectionTo(
  { isOk, isReadOnly, answer }: Selected,
  { server, command }: Decision,
  { telling }: Remarks,
): Failure | undefined {
  if (isOk && !isReadOnly) return undefined;
  const isAuto = command?.value.kind === "auto";
  const hints = isAuto ? [] : ['let preauth find the imapd and the mail: commands.imap = "auto"'];
  return isOk
    ? new Failure("table", server, `INBOX can be read but not written: "${answer}"`, {
        hints: [
          ...hints,
          "ask the server's administrator for the right to write the mail, and to make lock files next to it",
        ],
      })
    : new Failure("command", server, unopened(answer, unmarked(telling)), {
        hints: [...hints, "ask the server's administrator where the mail is, and for the right to write it"],
      });
}

function unopened(answer: string, telling: string): string {
  const why = VAGUE.test(answer) && /\b(?:error|fatal|panic)\b/i.test(telling);
  return why
    ? `INBOX cannot be opened: "${telling}" (the server's answer: "${answer}")`
    : `INBOX cannot be opened: "${answer}"`;
}
