import { onAbort } from "../abort.ts";
import { Failure } from "../failure.ts";
import { endpointText } from "../forwards/plan.ts";
import type { RemoteCommand } from "../ssh/channel/remote_command.ts";
import type { PortCommand } from "./command.ts";
import type { GreetingOptions } from "./greeting.ts";
import { shortened } from "./guard.ts";
import { type Called, endedWithoutGreeting, flooded } from "./no_greeting.ts";
import type { Remarks } from "./remarks.ts";

/** How an IMAP server may begin (RFC 3501 section 7.1). */
const GREETING = /^\* (PREAUTH|OK|BYE|NO)(?:[ []|$)/i;

/** Bytes without a greeting after which it is not an IMAP server that is talking. */
const MAX_NOISE = 64 * 1024;

const LF = 0x0a;

/**
 * Reads what an IMAP server at a port says up to its greeting, as awaitGreeting() does of a command. No shell prints
 * anything before it, so that it stands at the beginning of a line, and an OK is what it looks like: passed on at once to
 * a client that logs in.
 */
export async function awaitPortGreeting(
  remote: RemoteCommand,
  remarks: Remarks,
  port: PortCommand,
  options: GreetingOptions,
): Promise<readonly Buffer[]> {
  const { progress, server } = options;
  progress.begin("greeting", `waiting for the greeting of ${endpointText(port.to)}`);
  const { line, rest } = await firstGreeting(remote, remarks, port, options);
  const keyword = GREETING.exec(line)?.[1]?.toUpperCase() ?? "";
  const isWelcome = keyword === "PREAUTH" || (keyword === "OK" && port.login === "client");
  if (!isWelcome)
    throw unwelcome(keyword, Buffer.from(line, "latin1").toString().slice("* ".length), port, server);
  progress.done("greeting", line.replace(/ \[[^\]]*\]/, ""));
  return [Buffer.from(`${shortened(line)}\r\n`, "latin1"), rest];
}

/** A greeting in latin1, without its end, and what came behind it. */
interface Greeted {
  readonly line: string;
  readonly rest: Buffer;
}

function firstGreeting(
  { stdout, ended }: RemoteCommand,
  remarks: Remarks,
  port: PortCommand,
  { server, signal }: GreetingOptions,
): Promise<Greeted> {
  const called: Called = { server, method: "imap", command: { value: port, from: { kind: "default" } } };
  return new Promise((resolve, reject) => {
    let bytes = Buffer.alloc(0);
    let noise = 0;
    let deafen = (): void => {};
    const stop = (): void => {
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
      noise += chunk.length;
      bytes = Buffer.concat([bytes, chunk]);
      for (let end = bytes.indexOf(LF); end >= 0; end = bytes.indexOf(LF)) {
        const line = bytes.toString("latin1", 0, end).replace(/\r+$/, "");
        bytes = bytes.subarray(end + 1);
        if (GREETING.test(line)) {
          stop();
          resolve({ line, rest: bytes });
          return;
        }
        remarks.add(Buffer.from(line, "latin1").toString());
      }
      if (noise > MAX_NOISE) fail(flooded(called, remarks));
    };
    const abort = (): void => fail(withHint(signal.reason));
    if (signal.aborted) return abort();
    deafen = onAbort(signal, abort);
    stdout.on("data", take);
    void ended.then((exit) => {
      const last = bytes.toString().trim() || remarks.last;
      fail(endedWithoutGreeting(exit, called, { last, telling: last }));
    });
  });
}

/** A server that waits for TLS says nothing, for as long as one likes. */
function withHint(reason: unknown): unknown {
  if (!(reason instanceof Failure) || reason.trouble !== "deadline") return reason;
  return new Failure("deadline", reason.subject, reason.what, {
    hints: [
      "a port that begins with TLS, such as 993, never greets: give it a METHOD of its own, such as commands.imaps",
    ],
  });
}

function unwelcome(keyword: string, text: string, { login }: PortCommand, server: string): Failure {
  if (keyword !== "OK") return new Failure("command", server, `the IMAP server refused: "${text}"`);
  if (login === "unable") {
    return new Failure("command", server, "the IMAP server wants a login, which Alpine cannot give", {
      hints: ['Alpine needs a command that starts an imapd, as in commands.imap = "auto"'],
    });
  }
  return new Failure("command", server, `the IMAP server is not preauthenticated: "${text}"`, {
    hints: ['for mail programs that log in by themselves: login = "client" next to its to'],
  });
}
