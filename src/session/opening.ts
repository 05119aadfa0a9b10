import { Failure } from "../failure.ts";
import type { Person } from "../person.ts";
import type { Progress } from "../progress.ts";
import type { Note } from "../report/note.ts";
import type { Logins } from "../second_chances.ts";
import type { RemoteCommand } from "../ssh/channel/remote_command.ts";
import type { Connection } from "../ssh/connection.ts";
import { orPasswordChange } from "../ssh/login/password_change.ts";
import { MANNERS, type Purpose } from "../ssh/purpose.ts";
import type { ServerAddress } from "../state/unreachable.ts";
import type { Decision } from "../table/decision.ts";
import { askSsh } from "../target/ask_ssh.ts";
import { readLocal } from "../target/local.ts";
import { settle, type Target } from "../target/target.ts";
import type { World } from "../world.ts";
import { commandLine, portOf, startCommand } from "./command.ts";
import { expired, inTime } from "./deadline.ts";
import { withoutFlood } from "./flood.ts";
import { awaitGreeting } from "./greeting.ts";
import { memoryOf, rememberRefusal } from "./memory.ts";
import { awaitPortGreeting } from "./port_greeting.ts";
import { Remarks } from "./remarks.ts";
import { withLook } from "./unexplained.ts";

/** What an opening needs beside the decision. */
export interface OpeningOptions {
  readonly world: World;
  readonly note: Note;
  readonly progress: Progress;
  /** Aborted, with the reason to throw, when whoever wanted the session no longer does. */
  readonly broken: AbortSignal;
  readonly purpose: Purpose;
  /** Told each line that the server says beside the mail: banners, standard error, noise before the greeting. */
  readonly onRemark: (line: string) => void;
  /** What the call may still do to log in. */
  readonly logins: Logins;
  /** Who can be asked about an unknown host key, and for more where the purpose is a login. The deadline stands still meanwhile. */
  readonly person?: Person | undefined;
}

/** A connection without a command, and what it leads to. */
export interface Connected {
  readonly target: Target;
  readonly connection: Connection;
}

/** A remote command that runs and, for METHOD imap, has greeted. */
export interface Started {
  readonly remote: RemoteCommand;
  readonly remarks: Remarks;
  /** Bytes of the server that the client has not seen yet: the greeting first. */
  readonly first: readonly Buffer[];
}

/** A session and the connection that is its own. */
export interface Opened extends Connected, Started {}

/**
 * From a decision to a session within the decision's deadline: ssh_config, connection, command, greeting. Throws a
 * Failure; nothing is left open then.
 */
export async function openSession(decision: Decision, given: OpeningOptions): Promise<Opened> {
  const options = { ...given, onRemark: withoutFlood(given.onRemark) };
  options.progress.begin("command", "looking for a command");
  const line = commandLine(decision);
  return inTime(decision, options, async (signal, person) => {
    const connected = await open(decision, { ...options, person }, signal, line);
    try {
      return { ...connected, ...(await startSession(decision, line, connected.connection, options, signal)) };
    } catch (error) {
      await takeLeave(connected.connection);
      throw error;
    }
  });
}

/**
 * The same as far as the login: for forwards, accounts without a shell will do. `command`: a line that may go along with
 * it, as with connect().
 */
export async function openConnection(
  decision: Decision,
  given: OpeningOptions,
  command?: string,
): Promise<Connected> {
  const options = { ...given, onRemark: withoutFlood(given.onRemark) };
  const connected = await inTime(decision, options, (signal, person) =>
    open(decision, { ...options, person }, signal, command),
  );
  options.world.tierUp();
  return connected;
}

/** `command`: the line that will be executed first, which may go along with the login. */
async function open(
  decision: Decision,
  options: OpeningOptions,
  signal: AbortSignal,
  command?: string,
): Promise<Connected> {
  const { world, note, progress } = options;
  progress.begin("config", "asking ssh for its configuration");
  const answering = askSsh(decision, { env: world.env, home: world.home, signal, note });
  // Loaded while ssh(1) starts and reads, which takes as long.
  const loading = import("./busy_server.ts");
  const answers = await answering;
  const target = settle(decision, answers, await readLocal(world, decision, answers, signal));
  for (const { keyword, why } of target.passedOver) note(`${target.server}: ${keyword}: ${why}: ignored`);
  progress.done("config", `${target.user.value}@${target.host.value} port ${target.port.value}`);
  return {
    target,
    connection: await connectUnlessHopeless(target, await loading, { decision, options, signal, command }),
  };
}

/** Starts the command on a connection and, for METHOD imap, waits for its greeting. Throws a Failure, or the signal's reason. */
export async function startSession(
  decision: Decision,
  line: string | undefined,
  connection: Pick<Connection, "exec" | "reach" | "target">,
  { progress, onRemark }: Pick<OpeningOptions, "progress" | "onRemark">,
  signal: AbortSignal,
): Promise<Started> {
  const remote = await startCommand(decision, line, connection, { progress, signal });
  const remarks = new Remarks(onRemark);
  remarks.listenTo(remote.stderr);
  const { server, method } = decision;
  if (method !== "imap") return { remote, remarks, first: [] };
  try {
    const options = { server, progress, signal };
    const port = portOf(decision);
    const first =
      port === undefined
        ? await awaitGreeting(remote, remarks, options)
        : await awaitPortGreeting(remote, remarks, port, options);
    return { remote, remarks, first };
  } catch (error) {
    remote.hangUp();
    throw withLook(orPasswordChange(error, remarks.last, connection.target), connection.target);
  }
}

/** Ends a connection and waits for its end, half a second at most: a ProxyCommand must not outlive us. */
export async function takeLeave(connection: Connection): Promise<void> {
  connection.end();
  await connection.closed;
}

/** What open() was given. */
interface Given {
  readonly decision: Decision;
  readonly options: OpeningOptions;
  readonly signal: AbortSignal;
  readonly command: string | undefined;
}

async function connectUnlessHopeless(
  target: Target,
  { connectTwice }: typeof import("./busy_server.ts"),
  { decision, options, signal, command }: Given,
): Promise<Connection> {
  const limit = decision.deadline.value;
  const { world, note, progress, purpose, onRemark, person, logins } = options;
  const { heedsMemory } = MANNERS[purpose];
  const memory = memoryOf(world, target, heedsMemory);
  const { unreachable, refused } = memory;
  const tried = { host: target.host.value, port: target.port.value };
  // A ProxyCommand is another way to perhaps another server: its failures say nothing about this address, nor this
  // address's about it.
  const isDirect = target.proxyCommand.value === undefined;
  const left = limit - world.elapsed();
  const known = isDirect && heedsMemory ? unreachable.recall(tried, left) : undefined;
  if (known !== undefined) throw new Failure("network", target.server, `${known} (less than 30 s ago)`);
  try {
    const connection = await connectTwice(target, {
      ...{ signal, progress, note, banner: onRemark, purpose, memory },
      ...{ env: world.env, logins },
      early: { history: memory.familiar, command },
      ...(person && { person }),
    });
    if (isDirect && !heedsMemory) unreachable.forget(tried);
    refused.forget();
    return connection;
  } catch (error) {
    rememberRefusal(error, memory);
    const isExpired = error instanceof Failure && error.trouble === "deadline";
    // A name that is not found says nothing about the server.
    const isSilent = !progress.heard && (progress.step === "connect" || progress.step === "kex");
    // Time that ssh -G or a name server used up is no silence of the server's.
    const had = performance.now() - (progress.connectBegan ?? performance.now());
    if (isExpired && isSilent && isDirect && had >= limit / 2) {
      unreachable.remember(tried, had, expired(whereSilent(tried, progress), limit));
    }
    throw error;
  } finally {
    refused.leave();
  }
}

/** What was waited for, in words that fit every SERVER of the same address. */
function whereSilent({ host, port }: ServerAddress, { step, doing }: Progress): string {
  return step === "connect" ? doing : `waiting for the SSH server at ${host} port ${port}`;
}
