import { onAbort } from "../abort.ts";
import { Failure } from "../failure.ts";
import type { Progress } from "../progress.ts";
import { inTime } from "../session/deadline.ts";
import { described, type End, statusOf } from "../session/exit.ts";
import { endedInVain, isNotFound, withLastWord } from "../session/no_greeting.ts";
import type { Opened } from "../session/opening.ts";
import { startingNow } from "../session/own_sessions.ts";
import { SmtpGuard } from "../session/smtp_guard.ts";
import { orPasswordChange } from "../ssh/login/password_change.ts";
import type { Decision } from "../table/decision.ts";
import type { World } from "../world.ts";
import type { Findings } from "./findings.ts";
import { farewell } from "./opened_inbox.ts";
import type { Timeline } from "./timeline.ts";

/** Milliseconds in which a shell has said that a program is missing. */
const MISSING_MS = 1000;

/** What it takes to try a METHOD, beside the session. */
export interface TryingOther {
  readonly world: World;
  readonly decision: Decision;
  readonly timeline: Timeline;
  readonly progress: Progress;
  readonly findings: Findings;
  readonly broken: AbortSignal;
  /** Told each line that a shell prints before METHOD smtp greets. */
  readonly onRemark: (line: string) => void;
}

/**
 * Tries a METHOD other than imap as far as nothing is sent: an SMTP server has to greet, any other program has to be there.
 * Gives the exit status. Throws a Failure.
 */
export async function tryOther(opened: Opened, trying: TryingOther): Promise<number> {
  const { remote, remarks, target } = opened;
  try {
    return await (trying.decision.method === "smtp" ? greeted(opened, trying) : started(opened, trying));
  } catch (error) {
    throw orPasswordChange(error, remarks.last, target);
  } finally {
    remote.hangUp();
  }
}

/** Waits for an SMTP server's greeting, and leaves (RFC 5321 sections 3.1 and 4.1.1.10). */
async function greeted(opened: Opened, trying: TryingOther): Promise<number> {
  const { decision, timeline, progress, findings, broken } = trying;
  const { server } = decision;
  progress.begin("greeting", `waiting for the greeting of ${server}`);
  try {
    const world = startingNow(trying.world);
    const line = await inTime(decision, { world, progress, broken }, (signal) =>
      firstLine(opened, trying, signal),
    );
    if (!line.startsWith("2")) {
      throw new Failure("command", server, `the SMTP server refused: "${line}"`);
    }
    timeline.done("greeting", line);
    timeline.greeted = timeline.now();
  } catch (error) {
    timeline.failed("greeting");
    throw error;
  }
  const { remote } = opened;
  remote.stdin.end("QUIT\r\n");
  const end = await farewell(remote);
  findings.ended(described(end));
  return statusOf(end);
}

function firstLine(
  { remote, remarks }: Opened,
  { decision, onRemark }: TryingOther,
  signal: AbortSignal,
): Promise<string> {
  let last = "";
  const guard = new SmtpGuard(
    decision,
    (line) => {
      last = line.trim();
      onRemark(line);
    },
    () => remote.hangUp(),
  );
  let text = "";
  return new Promise((resolve, reject) => {
    const lookAt = (bytes: Buffer): void => {
      if (text.length <= LONGEST) text += bytes.toString("latin1");
      if (text.includes("\n") || text.length > LONGEST) resolve(firstOf(text));
    };
    remote.stdout.on("data", (chunk: Buffer) => lookAt(guard.take(chunk)));
    void remote.ended.then((end) => {
      lookAt(guard.end());
      if (text === "") reject(guard.failure(end, remarks.last));
      else resolve(firstOf(text));
    });
    onAbort(signal, () => {
      guard.end();
      reject(withLastWord(signal.reason, { last, telling: last }));
    });
  });
}

/** Characters of a greeting that are waited for: RFC 5321 section 4.5.3.1.5 has 512. */
const LONGEST = 1024;

function firstOf(text: string): string {
  return text.slice(0, LONGEST).split(/\r?\n/, 1)[0] ?? "";
}

/** Sees that the program of a METHOD is there: what it would do with a message is not tried. */
async function started({ remote, remarks }: Opened, { decision, findings }: TryingOther): Promise<number> {
  remote.stdout.resume();
  let timer: NodeJS.Timeout | undefined;
  const later = new Promise<End>((resolve) => {
    timer = setTimeout(() => resolve({ kind: "left" }), MISSING_MS);
  });
  const end = await Promise.race([remote.ended, later]);
  clearTimeout(timer);
  if (end.kind === "left") return 0;
  findings.ended(described(end));
  if (isNotFound(end)) throw endedInVain(end, decision, remarks.last);
  return 0;
}
