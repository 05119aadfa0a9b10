import type { Duplex } from "node:stream";
import { orAborted } from "../abort.ts";
import { Logins } from "../second_chances.ts";
import { requireMethod } from "../target/methods.ts";
import type { Target } from "../target/target.ts";
import type { Connection, ConnectOptions } from "./connection.ts";
import { prepareKeyExchanges } from "./exchange/key_exchange.ts";
import { EarlyLogin, type EarlySession } from "./login/early_login.ts";
import { addingForJump } from "./login/jump_agent.ts";
import { KeyCollection } from "./login/key_collection.ts";
import { recallRefusal } from "./login/refused_before.ts";
import { waitingIn } from "./login/waiting.ts";
import { Login } from "./login.ts";
import { ConnectTimeout } from "./network/connect_timeout.ts";
import { dial } from "./network/dial.ts";
import { joinWrites } from "./network/joined_writes.ts";
import { type ProxyOptions, startProxy } from "./network/proxy_socket.ts";
import { MANNERS } from "./purpose.ts";
import { isRefusal, SshConnection } from "./ssh_connection.ts";
import { HostKeyCheck } from "./trust/host_key.ts";
import { readHostKeyFiles } from "./trust/host_key_files.ts";

/**
 * Connects, checks the host key strictly (an unknown one is refused unless there is a person who accepts
 * it), and logs in with the user's keys. Throws a Failure, or the signal's reason; leaves nothing behind then.
 */
export async function connect(target: Target, options: ConnectOptions): Promise<Connection> {
  const limit = new ConnectTimeout(target, options);
  try {
    const { note, logins = new Logins() } = options;
    const early = logins.isFirst ? options.early : undefined;
    const inTime = { ...options, early, signal: limit.signal };
    logins.begin(target.server);
    return await connectOnce(target, inTime).catch((error: unknown) => {
      if (!(error instanceof EarlyEnd)) throw error;
      note(`${target.server}: ${error.message}; logging in step by step`);
      logins.begin(target.server);
      return connectOnce(target, inTime, error.early);
    });
  } finally {
    limit.end();
  }
}

async function connectOnce(
  target: Target,
  options: ConnectOptions,
  failed?: EarlyLogin,
): Promise<Connection> {
  const { signal, early } = options;
  signal.throwIfAborted();
  requireMethod(target, MANNERS[options.purpose].isInteractive ? options.person : undefined);
  await recallRefusal(target, options);
  const person = MANNERS[options.purpose].isInteractive ? options.person : undefined;
  const command = person === undefined ? target.proxyCommand.value : target.askingProxyCommand;
  const reading = readHostKeyFiles(target, options);
  // Without a listener its failure, while the dial goes on, would end the process.
  reading.catch(() => {});
  const dialling =
    command === undefined
      ? dial(target, options)
      : startProxy(command, { ...options, ...forJumps(target, options), person });
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

/** What a hint about a host on the way is made of. */
function forJumps({ jumps }: Target, options: ConnectOptions): Pick<ProxyOptions, "jumps" | "addingFor"> {
  return { jumps, addingFor: (words) => addingForJump(words, options) };
}

/** Keys are found and the agent is asked while the network is waited for, unless somebody may be asked for more. */
function lookForKeys(target: Target, options: ConnectOptions): KeyCollection | undefined {
  if (MANNERS[options.purpose].isInteractive) return undefined;
  const { signal } = options;
  const keys = new KeyCollection(target, { signal, waiting: waitingIn(options, target) });
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
    return new SshConnection(target, client, socket, login, MANNERS[options.purpose].isShared);
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
  { signal, progress, purpose }: ConnectOptions,
) {
  progress.begin("command", `starting the remote command on ${target.server}`);
  const answer = await orDestroyed(session.answer, socket, signal);
  if ("command" in answer) return;
  // A session that is refused is followed by the end of the connection: the command had no channel to go to.
  if (isRefusal(answer.error)) {
    login.early?.avoid();
    if (!MANNERS[purpose].isShared || login.early === undefined) return;
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
