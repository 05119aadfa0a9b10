import { onAbort } from "../abort.ts";
import type { Progress } from "../progress.ts";
import type { RemoteCommand } from "../ssh/channel/remote_command.ts";
import { GreetingGuard, type Preauth } from "./guard.ts";
import { endedWithoutGreeting, flooded, isNotFound, unwelcome, withLastWord } from "./no_greeting.ts";
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
    let deafen = (): void => {};
    let timer: NodeJS.Timeout | undefined;
    const stop = (): void => {
      over = true;
      clearTimeout(timer);
      // Paused first: without a listener a flowing stream would lose what comes next.
      stdout.pause();
      stdout.off("data", take);
      deafen();
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
        fail(flooded({ server, method: "imap" }, remarks));
      } else if (guard.otherwise !== undefined) timer ??= setTimeout(settle, DOUBT_MS);
    };
    const settle = (): void => {
      if (guard.otherwise !== undefined) fail(unwelcome(guard.otherwise, server, remarks));
    };
    const abort = (): void => {
      guard.end();
      guard.release();
      fail(withLastWord(signal.reason, remarks));
    };
    if (signal.aborted) return abort();
    deafen = onAbort(signal, abort);
    stdout.on("data", take);
    void ended.then((exit) => {
      if (over) return;
      guard.end();
      const { otherwise } = guard;
      // A shell that has found no imapd shows that the line was its own.
      if (otherwise !== undefined && !isNotFound(exit)) return fail(unwelcome(otherwise, server, remarks));
      guard.release();
      fail(endedWithoutGreeting(exit, { server, method: "imap" }, remarks));
    });
  });
}
