import { Failure } from "../failure.ts";
import type { Progress } from "../progress.ts";
import type { Exit, RemoteCommand } from "../ssh/connection.ts";
import { described, quotedTail, statusOf } from "./exit.ts";
import { type Greeting, GreetingGuard } from "./guard.ts";
import type { Remarks } from "./remarks.ts";

/** What the wait for a greeting needs. */
export interface GreetingOptions {
  readonly server: string;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

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
  if (greeting.kind !== "preauth") throw unwelcome(greeting, server);
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
): Promise<Greeting> {
  return new Promise((resolve, reject) => {
    const guard = new GreetingGuard((line) => remarks.add(line));
    let over = false;
    const stop = (): void => {
      over = true;
      // Paused first: without a listener a flowing stream would lose what comes next.
      stdout.pause();
      stdout.off("data", take);
      signal.removeEventListener("abort", abort);
    };
    const take = (chunk: Buffer): void => {
      const found = guard.take(chunk);
      if (found.kind === "more") return;
      stop();
      if (found.kind === "flood") reject(flooded(server));
      else resolve(found);
    };
    const abort = (): void => {
      stop();
      reject(signal.reason);
    };
    if (signal.aborted) return abort();
    signal.addEventListener("abort", abort);
    stdout.on("data", take);
    void ended.then((exit) => {
      if (over) return;
      guard.end();
      stop();
      reject(endedEarly(exit, server, remarks.last));
    });
  });
}

function unwelcome(greeting: Greeting & { kind: "ok" | "bye" | "no" }, server: string): Failure {
  if (greeting.kind !== "ok")
    return new Failure("command", server, `the IMAP server refused: "${greeting.text}"`);
  return new Failure("command", server, `the IMAP server is not preauthenticated: "${greeting.text}"`, {
    hints: ["commands.imap must start an imapd as the user, not connect to a port of it"],
  });
}

function flooded(server: string): Failure {
  return new Failure("command", server, "64 KiB without an IMAP greeting", {
    hints: [
      "see what its shell prints: ssh to it and run the command of the table; the log has the beginning",
    ],
  });
}

function endedEarly(exit: Exit, server: string, lastLine: string): Failure {
  if (exit.kind === "lost")
    return new Failure("lost", server, `connection lost before the greeting${quotedTail(exit.why)}`);
  return new Failure(
    "command",
    server,
    `the remote command ended ${described(exit)} before any greeting${quotedTail(lastLine)}`,
    {
      // Status 0 without a greeting is no success.
      status: statusOf(exit) || 69,
      hints: isNotFound(exit)
        ? ['name the imapd over there in the table, as in commands.imap = "exec /path/to/imapd"']
        : [],
    },
  );
}

/** What a shell says of a program that is missing (127) or may not be run (126): POSIX.1-2017, XCU 2.8.2. */
function isNotFound(exit: Exit): boolean {
  return exit.kind === "status" && (exit.status === 127 || exit.status === 126);
}
