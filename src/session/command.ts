import { Failure } from "../failure.ts";
import { endpointText } from "../forwards/plan.ts";
import type { Progress } from "../progress.ts";
import type { RemoteCommand } from "../ssh/channel/remote_command.ts";
import type { Connection } from "../ssh/connection.ts";
import type { Command, Decision } from "../table/decision.ts";
import { remoteCommandLine } from "../table/imapd.ts";
import { onceEnded } from "./ended.ts";
import { orExpiredPassword } from "./refused_port.ts";

/** A METHOD that is a port. */
export type PortCommand = Command & { readonly kind: "port" };

/**
 * The line for the login shell on the server; undefined for a METHOD that is a port, which needs none. Throws a Failure
 * where the table has nothing for the METHOD.
 */
export function commandLine({ server, method, command }: Decision): string | undefined {
  if (command?.value.kind === "port") return undefined;
  if (command !== undefined) return remoteCommandLine(command.value);
  throw new Failure("command", server, `the table has no command for METHOD "${method}"`, {
    hints: [`write into its [[host]]: commands.${method} = ${JSON.stringify(usualLine(method))}`],
  });
}

/** METHODs whose server has the last word (RFC 3501 section 3.4, RFC 5321 section 3.8). */
const ENDS_WITH_SERVER: ReadonlySet<string> = new Set(["imap", "smtp"]);

/** The port that a decision's METHOD is, if it is one. */
export function portOf({ command }: Decision): PortCommand | undefined {
  return command?.value.kind === "port" ? command.value : undefined;
}

/** What the start of a command needs beside its connection. */
export interface StartingOptions {
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/** Runs what a decision says, of which `line` is the commandLine(). Throws a Failure, or the signal's reason. */
export async function startCommand(
  decision: Decision,
  line: string | undefined,
  connection: Pick<Connection, "exec" | "reach" | "target">,
  { progress, signal }: StartingOptions,
): Promise<RemoteCommand> {
  const { server, command } = decision;
  const to = portOf(decision)?.to;
  if (to !== undefined) {
    progress.begin("command", `having ${server} connect to ${endpointText(to)}`);
    const remote = await connection.reach(to, { signal }).catch(async (error: unknown) => {
      throw await orExpiredPassword(error, connection, signal);
    });
    progress.done("command", `port ${endpointText(to)}`);
    // A command is over when its program is, a connection when both sides have ended it: such a server does not listen on.
    if (ENDS_WITH_SERVER.has(decision.method)) onceEnded(remote.stdout, () => remote.stdin.end());
    return remote;
  }
  progress.begin("command", `starting the remote command on ${server}`);
  const remote = await connection.exec(line ?? "", { signal });
  progress.done("command", command?.value.kind === "auto" ? "the search for an imapd" : (line ?? ""));
  return remote;
}

/** What usually serves a METHOD. */
export function usualLine(method: string): string {
  if (method === "sendmail") return "exec /usr/sbin/sendmail -t -oi";
  return method === "smtp" ? "exec /usr/sbin/sendmail -bs" : `exec /etc/r${method}d`;
}
