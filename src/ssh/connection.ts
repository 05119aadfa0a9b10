import type { Duplex } from "node:stream";
import { orAborted } from "../abort.ts";
import type { Person } from "../person.ts";
import type { Progress } from "../progress.ts";
import type { Note } from "../report/note.ts";
import type { Endpoint } from "../table/table.ts";
import { requireMethod } from "../target/methods.ts";
import type { Target } from "../target/target.ts";
import type { Exit, RemoteCommand } from "./channel/remote_command.ts";
import { prepareKeyExchanges } from "./exchange/key_exchange.ts";
import type { Attempt } from "./login/attempt.ts";
import type { Obstacle } from "./login/candidate.ts";
import { EarlyLogin, type EarlyOptions, type EarlySession } from "./login/early_login.ts";
import { Collection } from "./login/key_collection.ts";
import { type LoginMemory, recallRefusal } from "./login/refused_before.ts";
import { Login, waitingIn } from "./login.ts";
import { ConnectTimeout } from "./network/connect_timeout.ts";
import { dial } from "./network/dial.ts";
import { joinWrites } from "./network/joined_writes.ts";
import { startProxy } from "./network/proxy_socket.ts";
import { isRefusal, SessionRefusal, SshConnection } from "./ssh_connection.ts";
import { HostKeyCheck } from "./trust/host_key.ts";
import { readHostKeyFiles } from "./trust/host_key_files.ts";

export { type Exit, type RemoteCommand, SessionRefusal };

/** What a connection needs beside its target. */
export interface ConnectOptions {
  /** Aborted to give up; the promise then rejects with the signal's reason. No more heeded once it has resolved. */
  readonly signal: AbortSignal;
  readonly progress: Progress;
  readonly note: Note;
  /** What a ProxyCommand finds as its environment. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Takes each line the server says before the login, control characters and all. Default: `note`. */
  readonly banner?: (line: string) => void;
  /** Whether the connection carries the sessions of several clients, so that none may end it. Default: false. */
  readonly isShared?: boolean;
  /** Who can be asked about an unknown host key. */
  readonly person?: Person;
  /** Whether the person is asked for passwords, passphrases and the like, too. Default: not. */
  readonly interactive?: boolean;
  /** What earlier logins have come to; it is asked before a connection is opened, and before a key is offered. */
  readonly memory?: LoginMemory;
  /** What is known of logins that have worked, and the command that goes along: exec() is to be called with it, or dropEarly(). */
  readonly early?: EarlyOptions;
}

/** Where a forwarded connection comes from. */
export interface Origin {
  readonly address: string;
  readonly port: number;
}

/** A connection to a server that has been recognised and has let the user in. */
export interface Connection {
  /** The keys that were offered, in order; the last one that was signed with opened the door. */
  readonly attempts: readonly Attempt[];
  /** Why other keys were not offered. */
  readonly obstacles: readonly Obstacle[];
  /** Resolves when the connection has ended, with the reason, as in "connection lost: REASON". */
  readonly closed: Promise<string>;
  /** What it leads to. */
  readonly target: Target;
  /** Bytes that came from the server, and that went to it, since the login. */
  readonly received: number;
  readonly sent: number;
  /** Asks the server for a sign of life; `onAnswer` is called if one comes. False where that cannot be asked. */
  ping(onAnswer: () => void): boolean;
  /** Starts a command. Throws a Failure (SessionRefusal when the server opens no session), or the signal's reason. */
  exec(line: string, options: { readonly signal: AbortSignal }): Promise<RemoteCommand>;
  /** Hangs up the command that went along with the login, unless exec() has been called with it. */
  dropEarly(): void;
  /** Opens a session for the next command, where there is none yet: exec() then waits for one round trip instead of two. */
  openAhead(): void;
  /** Whether there is one, or will be. */
  readonly hasAhead: boolean;
  /**
   * Opens a connection from the server to `to` (direct-tcpip, RFC 4254 section 7.2), on behalf of whoever connected
   * from `origin`. Throws a Failure with the server's reason.
   */
  forward(to: Endpoint, origin: Origin): Promise<Duplex>;
  /** Takes leave of the server and closes; also what still runs on the connection. */
  end(): void;
  /** Closes at once: the server does not answer. `reason` is what sessions are told, after "connection lost: ". */
  abandon(reason: string): void;
}

/**
 * Connects, checks the host key strictly (an unknown one is refused unless there is a person who accepts
 * it), and logs in with the user's keys. Throws a Failure, or the signal's reason; leaves nothing behind then.
 */
export async function connect(target: Target, options: ConnectOptions): Promise<Connection> {
  const limit = new ConnectTimeout(target, options);
  try {
    const inTime = { ...options, signal: limit.signal };
    return await open(target, inTime).catch((error: unknown) => {
      if (!(error instanceof EarlyEnd)) throw error;
      options.note(`${target.server}: ${error.message}; logging in step by step`);
      return open(target, inTime, error.early);
    });
  } finally {
    limit.end();
  }
}

async function open(target: Target, options: ConnectOptions, failed?: EarlyLogin): Promise<Connection> {
  const { signal, note, interactive, early } = options;
  signal.throwIfAborted();
  requireMethod(target, interactive ? options.person : undefined);
  await recallRefusal(target, options);
  const command = target.proxyCommand.value;
  const reading = readHostKeyFiles(target, note, signal);
  // Without a listener its failure, while the dial goes on, would end the process.
  reading.catch(() => {});
  const dialling = command === undefined ? dial(target, options) : startProxy(command, options);
  const keys = lookForKeys(target, options);
  try {
    const preparing = prepareKeyExchanges(target);
    preparing.catch(() => {});
    const socket = await dialling;
    joinWrites(socket);
    // Its own step: a home directory that hangs is no fault of the server's.
    options.progress.begin("hostkey", "reading known_hosts");
    const files = await orDestroyed(reading, socket, signal);
    const exchanges = await orDestroyed(preparing, socket, signal);
    const login = new Login(target, socket, new HostKeyCheck(target, files), options, {
      ...{ exchanges, keys },
      early: early && new EarlyLogin(early, failed),
    });
    return await logIn(login, target, socket, options);
  } catch (error) {
    keys?.close();
    throw error;
  }
}

/** Keys are found and the agent is asked while the network is waited for, unless somebody may be asked for more. */
function lookForKeys(target: Target, options: ConnectOptions): Collection | undefined {
  if (options.interactive) return undefined;
  const { signal } = options;
  const keys = new Collection(target, { signal, waiting: waitingIn(options, target) });
  keys.collect().catch(() => {});
  return keys;
}

/** The connection ended upon an early login. */
class EarlyEnd extends Error {
  readonly early: EarlyLogin;

  constructor(early: EarlyLogin, why: string) {
    super(why);
    this.early = early;
  }
}

async function logIn(
  login: Login,
  target: Target,
  socket: Duplex,
  options: ConnectOptions,
): Promise<Connection> {
  try {
    const client = await login.run();
    const session = login.early?.session;
    if (session !== undefined) await awaitAnswer(session, login, target, socket, options);
    return new SshConnection(target, client, socket, login, options.isShared ?? false);
  } catch (error) {
    if (error instanceof EarlyEnd) throw error;
    const { early, lifeline, refusal } = login;
    const why = options.signal.aborted || refusal !== undefined ? undefined : lifeline.over;
    if (early === undefined || !early.hasLeft || why === undefined) throw error;
    early.hangUp();
    throw new EarlyEnd(early, why);
  }
}

/** Throws when there is none: the server has hung up on what it was sent too early. */
async function awaitAnswer(
  session: EarlySession,
  login: Login,
  target: Target,
  socket: Duplex,
  { signal, progress, isShared }: ConnectOptions,
) {
  progress.begin("command", `starting the remote command on ${target.server}`);
  const answer = await orDestroyed(session.answer, socket, signal);
  if ("command" in answer) return;
  // A session that is refused is followed by the end of the connection: the command had no channel to go to.
  if (isRefusal(answer.error)) {
    login.early?.avoid();
    if (!isShared || login.early === undefined) return;
    // The others who wait for it would be told of that end.
    socket.destroy();
    throw new EarlyEnd(login.early, "the server opens no session early");
  }
  if (login.lifeline.over !== undefined) throw answer.error;
}

/** The promise's value, or a rejection, also with the signal's reason; the socket is destroyed then. */
async function orDestroyed<T>(promise: Promise<T>, socket: Duplex, signal: AbortSignal): Promise<T> {
  try {
    return await orAborted(promise, signal);
  } catch (error) {
    socket.destroy();
    throw error;
  }
}
