import { Failure } from "../failure.ts";
import type { Progress } from "../progress.ts";
import type { Exit, RemoteCommand } from "../ssh/channel/remote_command.ts";
import type { Decision } from "../table/decision.ts";
import { described, quotedTail, statusOf } from "./exit.ts";
import { GreetingGuard, type OtherGreeting, type Preauth } from "./guard.ts";
import type { Remarks } from "./remarks.ts";

/** What the wait for a greeting needs. */
export interface GreetingOptions {
  readonly server: string;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/** How long PREAUTH may come after a line that looks like another greeting, in milliseconds. */
const DOUBT_MS = 500;

/**
 * Reads a remote command's output up to its greeting, which must be PREAUTH. Gives the bytes that the client is
 * to see first; the output is paused then. Throws a Failure when the server greets otherwise, says too much
 * else, or ends; or the signal's reason.
 */
export async function awaitGreeting(
  remote: RemoteCommand,
  remarks: Remarks,
  { server, progress, signal }: GreetingOptions,
): Promise<readonly Buffer[]> {
  progress.begin("greeting", `waiting for the greeting of ${server}`);
  const greeting = await firstGreeting(remote, remarks, server, signal);
  // Without its capabilities, which fill a screen.
  progress.done(
    "greeting",
    greeting.line
      .toString("latin1")
      .trimEnd()
      .replace(/ \[[^\]]*\]/, ""),
  );
  return [greeting.line, greeting.rest];
}

function firstGreeting(
  { stdout, ended }: RemoteCommand,
  remarks: Remarks,
  server: string,
  signal: AbortSignal,
): Promise<Preauth> {
  return new Promise((resolve, reject) => {
    const guard = new GreetingGuard((line) => remarks.add(line));
    let over = false;
    let timer: NodeJS.Timeout | undefined;
    const stop = (): void => {
      over = true;
      clearTimeout(timer);
      // Paused first: without a listener a flowing stream would lose what comes next.
      stdout.pause();
      stdout.off("data", take);
      signal.removeEventListener("abort", abort);
    };
    const fail = (reason: unknown): void => {
      stop();
      reject(reason);
    };
    const take = (chunk: Buffer): void => {
      const found = guard.take(chunk);
      if (found.kind === "preauth") {
        stop();
        resolve(found);
      } else if (found.kind === "flood") {
        // A line that was cut by chance tells less than the one before it.
        if (remarks.last === "") guard.end();
        fail(flooded({ server, method: "imap" }, remarks.last));
      } else if (guard.otherwise !== undefined) timer ??= setTimeout(settle, DOUBT_MS);
    };
    const settle = (): void => {
      if (guard.otherwise !== undefined) fail(unwelcome(guard.otherwise, server));
    };
    const abort = (): void => {
      guard.end();
      guard.release();
      fail(withLastWord(signal.reason, remarks.last));
    };
    if (signal.aborted) return abort();
    signal.addEventListener("abort", abort);
    stdout.on("data", take);
    void ended.then((exit) => {
      if (over) return;
      guard.end();
      const { otherwise } = guard;
      // A shell that has found no imapd shows that the line was its own.
      if (otherwise !== undefined && !isNotFound(exit)) return fail(unwelcome(otherwise, server));
      guard.release();
      fail(endedEarly(exit, { server, method: "imap" }, remarks.last));
    });
  });
}

/** What was waited for is out of time: the last that was heard may say why, such as a question of a start-up file. */
function withLastWord(reason: unknown, lastLine: string): unknown {
  if (!(reason instanceof Failure) || reason.trouble !== "deadline" || lastLine === "") return reason;
  return new Failure("deadline", reason.subject, `${reason.what}${quotedTail(lastLine)}`);
}

function unwelcome({ isOk, text }: OtherGreeting, server: string): Failure {
  if (!isOk) return new Failure("command", server, `the IMAP server refused: "${text}"`);
  return new Failure("command", server, `the IMAP server is not preauthenticated: "${text}"`, {
    hints: ["commands.imap must start an imapd as the user, not connect to a port of it"],
  });
}

/** What was called: for messages. */
export type Called = Pick<Decision, "server" | "method">;

/** A server that talks without end, and does not greet. */
export function flooded({ server, method }: Called, lastLine: string): Failure {
  const what = `64 KiB without ${method === "imap" ? "an IMAP" : "a"} greeting`;
  return new Failure("command", server, `${what}${quotedTail(lastLine)}`, {
    hints: [
      "see what its shell prints: ssh to it and run the command of the table; the log has the beginning",
    ],
  });
}

/** A command that is over, and has not greeted. */
export function endedEarly(exit: Exit, { server, method }: Called, lastLine: string): Failure {
  if (exit.kind === "lost")
    return new Failure("lost", server, `connection lost before the greeting${quotedTail(exit.why)}`);
  const what = `the remote command ended ${described(exit)} before any greeting`;
  return new Failure("command", server, `${what}${quotedTail(lastLine)}`, {
    // Status 0 without a greeting is no success.
    status: statusOf(exit) || 69,
    hints: isNotFound(exit) ? [HINTS[method === "imap" ? "imap" : "smtp"]] : [],
  });
}

const HINTS = {
  imap: 'name the imapd over there in the table, as in commands.imap = "exec /path/to/imapd"',
  smtp: 'name the program over there in the table, as in commands.smtp = "exec /usr/sbin/sendmail -bs"',
};

/** What a shell says of a program that is missing (127) or may not be run (126): POSIX.1-2017, XCU 2.8.2. */
function isNotFound(exit: Exit): boolean {
  return exit.kind === "status" && (exit.status === 127 || exit.status === 126);
}
