import { Failure } from "../failure.ts";
import type { Person } from "../person.ts";
import type { Note } from "../report/note.ts";
import { readAccount } from "../ssh/account.ts";
import { type Connection, connect, type RemoteCommand } from "../ssh/connection.ts";
import type { Progress } from "../ssh/progress.ts";
import { resolve } from "../ssh/ssh_config.ts";
import { settle, type Target } from "../ssh/target.ts";
import { stateDirectory } from "../state/directory.ts";
import { type Tried, Unreachable } from "../state/unreachable.ts";
import type { Decision } from "../table/decision.ts";
import { remoteCommandLine } from "../table/imapd.ts";
import type { World } from "../world.ts";
import { Deadline } from "./deadline.ts";
import { withoutFlood } from "./flood.ts";
import { awaitGreeting } from "./greeting.ts";
import { History } from "./history.ts";
import { Refusals } from "./refusals.ts";
import { Remarks } from "./remarks.ts";

/** What an opening needs beside the decision. */
export interface OpeningOptions {
  readonly world: World;
  readonly note: Note;
  readonly progress: Progress;
  /** Aborted, with the reason to throw, when whoever wanted the session no longer does. */
  readonly broken: AbortSignal;
  /** Whether a remembered failure ends it at once; where it does not, a success clears it. */
  readonly heedsMemory: boolean;
  /** Told each line that the server says beside the mail: banners, standard error, noise before the greeting. */
  readonly onRemark: (line: string) => void;
  /** Who can be asked about an unknown host key. The deadline stands still meanwhile. */
  readonly person?: Person | undefined;
  /** Whether the person is asked for passwords and the like, too. Default: not. */
  readonly interactive?: boolean;
}

/** A connection without a command, and what it leads to. */
export interface Connected {
  readonly target: Target;
  readonly connection: Connection;
}

/** A remote command that runs and, for METHOD imap, has greeted. */
export interface Opened extends Connected {
  readonly remote: RemoteCommand;
  readonly remarks: Remarks;
  /** Bytes of the server that the client has not seen yet: the greeting first. */
  readonly first: readonly Buffer[];
}

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
      return { ...connected, ...(await start(decision, line, connected.connection, options, signal)) };
    } catch (error) {
      await takeLeave(connected.connection);
      throw error;
    }
  });
}

/** The same as far as the login: for forwards, accounts without a shell will do. */
export function openConnection(decision: Decision, given: OpeningOptions): Promise<Connected> {
  const options = { ...given, onRemark: withoutFlood(given.onRemark) };
  return inTime(decision, options, (signal, person) => open(decision, { ...options, person }, signal));
}

/**
 * Does something within the deadline, which counts from the start of the program, without the time that the person
 * takes to answer.
 */
export async function inTime<T>(
  decision: Decision,
  { world, progress, broken, person }: Pick<OpeningOptions, "world" | "progress" | "broken" | "person">,
  work: (signal: AbortSignal, person: Person | undefined) => Promise<T>,
): Promise<T> {
  // AbortSignal.any() would do, but Node 20 may collect such a signal while somebody listens to it.
  const ends = new AbortController();
  const breakOff = (): void => ends.abort(broken.reason);
  if (broken.aborted) breakOff();
  broken.addEventListener("abort", breakOff);
  const limit = decision.deadline.value;
  const expire = (): void => ends.abort(outOfTime(decision.server, progress.doing, limit));
  const deadline = new Deadline(limit - world.elapsed(), expire);
  try {
    return await work(ends.signal, person && deadline.patient(person));
  } catch (error) {
    // A question that is still open is withdrawn: the server may have hung up meanwhile.
    ends.abort(error);
    throw error;
  } finally {
    deadline.end();
    broken.removeEventListener("abort", breakOff);
  }
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
  const answers = await resolve(decision, { env: world.env, home: world.home, signal, note });
  const target = settle(decision, answers, {
    uid: world.uid,
    account: await readAccount(world.uid, signal),
    home: world.home,
    env: world.env,
  });
  progress.done("config", `${target.user.value}@${target.host.value} port ${target.port.value}`);
  return {
    target,
    connection: await connectUnlessHopeless(target, decision.deadline.value, options, signal, command),
  };
}

async function start(
  { server, method, command }: Decision,
  line: string,
  connection: Connection,
  { progress, onRemark }: OpeningOptions,
  signal: AbortSignal,
): Promise<Omit<Opened, keyof Connected>> {
  progress.begin("command", `starting the remote command on ${server}`);
  const remote = await connection.exec(line, { signal });
  const remarks = new Remarks(onRemark);
  remarks.listenTo(remote.stderr);
  progress.done("command", command?.value.kind === "auto" ? "the search for an imapd" : line);
  const first = method === "imap" ? await awaitGreeting(remote, remarks, { server, progress, signal }) : [];
  return { remote, remarks, first };
}

/** Ends a connection and waits for its end, half a second at most: a ProxyCommand must not outlive us. */
export async function takeLeave(connection: Connection): Promise<void> {
  connection.end();
  await connection.closed;
}

function commandLine({ server, method, command }: Decision): string {
  if (command !== undefined) return remoteCommandLine(command.value);
  throw new Failure("command", server, `the table has no command for METHOD "${method}"`, {
    hints: [`add commands.${method} = "..." to its [[host]]`],
  });
}

async function connectUnlessHopeless(
  target: Target,
  limit: number,
  { world, note, progress, heedsMemory, onRemark, person, interactive = false }: OpeningOptions,
  signal: AbortSignal,
  command: string | undefined,
): Promise<Connection> {
  const unreachable = new Unreachable(stateDirectory(world.env, world.home), world.pid);
  const refusals = new Refusals(world, target, heedsMemory);
  const tried = { host: target.host.value, port: target.port.value };
  // A ProxyCommand is another way to perhaps another server: its failures say nothing about this address, nor this
  // address's about it.
  const isDirect = target.proxyCommand.value === undefined;
  const left = limit - world.elapsed();
  const known = isDirect && heedsMemory ? unreachable.recall(tried, left) : undefined;
  if (known !== undefined) throw new Failure("network", target.server, `${known} (less than 30 s ago)`);
  try {
    const connection = await connect(target, {
      ...{ signal, progress, note, banner: onRemark, interactive, memory: refusals },
      early: { history: new History(world, target, heedsMemory), command },
      ...(person && { person }),
    });
    if (isDirect && !heedsMemory) unreachable.forget(tried);
    refusals.forget();
    return connection;
  } catch (error) {
    refusals.remember(error);
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
    refusals.leave();
  }
}

/** What was waited for, in words that fit every SERVER of the same address. */
function whereSilent({ host, port }: Tried, { step, doing }: Progress): string {
  return step === "connect" ? doing : `waiting for the SSH server at ${host} port ${port}`;
}

/** Out of time; `doing` as in "logging in to imap.example.org", `limit` in milliseconds. */
export function outOfTime(server: string, doing: string, limit: number): Failure {
  return new Failure("deadline", server, expired(doing, limit));
}

function expired(doing: string, limit: number): string {
  const time = limit < 1000 || limit % 100 !== 0 ? `${limit} ms` : `${limit / 1000} s`;
  return `${doing} took longer than ${time}`;
}
