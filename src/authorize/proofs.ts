import { Failure } from "../failure.ts";
import { NOWHERE } from "../forwards/carry.ts";
import { endpointText } from "../forwards/plan.ts";
import type { Privilege } from "../ssh/channel/privilege.ts";
import type { RemoteCommand } from "../ssh/channel/remote_command.ts";
import { type Connection, Prohibition } from "../ssh/connection.ts";
import { remoteCommandLine } from "../table/imapd.ts";
import type { Endpoint } from "../table/table.ts";
import type { Needs } from "./forced_command.ts";
import { outputOf } from "./output.ts";

/** Something that a key for mail must not open, and what came of trying it. */
export interface Proof {
  readonly what: string;
  /** What the server allowed; undefined where it has refused. */
  readonly allowed: string | undefined;
}

/** Joined by every login shell, and so found only where one has read the line. */
const LINE = 'echo pre""auth-was-here';
const TRACE = "preauth-was-here";

/** Milliseconds in which a line would have been run. */
const LIMIT = 5_000;

/** Ports of the server itself, of which one is not listed. */
const PORTS = [22, 25, 80];

/** Tries, on a connection, what its key must not open; each proof as soon as it is there. Throws a Failure where that ends. */
export async function* proofs(
  connection: Connection,
  { served, ports }: Needs,
  signal: AbortSignal,
): AsyncGenerator<Proof> {
  const imap = served.find(({ method }) => method === "imap");
  const line = imap?.line ?? remoteCommandLine({ kind: "auto" });
  const ran = async (start: Promise<RemoteCommand>, input: string): Promise<string | undefined> =>
    (await leavesTrace(start, input, signal)) ? `the server ran ${LINE}` : undefined;
  yield { what: "a shell", allowed: await ran(connection.shell({ signal }), `${LINE}\nexit\n`) };
  yield { what: "another command", allowed: await ran(connection.exec(LINE, { signal }), "") };
  yield {
    what: "a command in front of that of imap",
    allowed: await ran(connection.exec(`${LINE}; ${line}`, { signal }), ""),
  };
  yield await portProof(connection, ports);
  const privileges: readonly (readonly [Privilege, string])[] = [
    ["listening", "listening at a port on the server"],
    ["agent forwarding", "agent forwarding"],
    ["X11 forwarding", "X11 forwarding"],
    ["terminal", "a terminal (pty)"],
  ];
  for (const [privilege, what] of privileges) {
    const isGranted = await connection.grants(privilege, { signal });
    yield { what, allowed: isGranted ? "the server granted it" : undefined };
  }
}

async function leavesTrace(
  start: Promise<RemoteCommand>,
  input: string,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    const { stdout, stderr } = await outputOf(await start, input, { ms: LIMIT, signal });
    return stdout.includes(TRACE) || stderr.includes(TRACE);
  } catch (error) {
    signal.throwIfAborted();
    // A server that runs no command at all.
    if (error instanceof Failure && error.trouble === "command") return false;
    throw error;
  }
}

async function portProof(connection: Connection, listed: readonly Endpoint[]): Promise<Proof> {
  const free = PORTS.find((port) => !listed.some((to) => to.host === NOWHERE.address && to.port === port));
  const to = { host: NOWHERE.address, port: free ?? 1 };
  const what = `port ${endpointText(to)}, which is not listed`;
  try {
    (await connection.forward(to, NOWHERE)).destroy();
    return { what, allowed: "the server connected to it" };
  } catch (error) {
    if (error instanceof Prohibition) return { what, allowed: undefined };
    if (!(error instanceof Failure)) throw error;
    return { what, allowed: `the server tried to connect to it: ${error.what}` };
  }
}
