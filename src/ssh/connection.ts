import type { Duplex } from "node:stream";
import type { Client } from "ssh2";
import { Failure } from "../failure.ts";
import type { Person } from "../person.ts";
import type { Note } from "../report/note.ts";
import type { Endpoint } from "../table/table.ts";
import type { Attempt } from "./attempt.ts";
import { reasonOf } from "./breakage.ts";
import type { Obstacle } from "./candidate.ts";
import type { Line } from "./channel_input.ts";
import { ConnectTimeout } from "./connect_timeout.ts";
import { dial } from "./dial.ts";
import { HostKeyCheck } from "./host_key.ts";
import { readHostKeyFiles } from "./host_key_files.ts";
import { joinWrites } from "./joined_writes.ts";
import { prepareKeyExchanges } from "./key_exchange.ts";
import { Login } from "./login.ts";
import { requireMethod } from "./methods.ts";
import type { Progress } from "./progress.ts";
import { startProxy } from "./proxy_socket.ts";
import { type LoginMemory, recallRefusal } from "./recall.ts";
import { ChannelCommand, type Exit, type RemoteCommand } from "./remote_command.ts";
import { ping } from "./ssh2_private.ts";
import type { Target } from "./target.ts";
import { Tunnel } from "./tunnel.ts";
import { unlessAborted } from "./unless_aborted.ts";

export type { Exit, RemoteCommand };

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

/** The server opens no further session on this connection (MaxSessions of sshd_config(5)). */
export class SessionRefusal extends Failure {}

/**
 * Connects, checks the host key strictly (an unknown one is refused unless there is a person who accepts
 * it), and logs in with the user's keys. Throws a Failure, or the signal's reason; leaves nothing behind then.
 */
export async function connect(target: Target, options: ConnectOptions): Promise<Connection> {
  const limit = new ConnectTimeout(target, options);
  try {
    return await open(target, { ...options, signal: limit.signal });
  } finally {
    limit.end();
  }
}

async function open(target: Target, options: ConnectOptions): Promise<Connection> {
  const { signal, note, progress } = options;
  signal.throwIfAborted();
  requireMethod(target, options.interactive ? options.person : undefined);
  await recallRefusal(target, options);
  const command = target.proxyCommand.value;
  const reading = readHostKeyFiles(target, note, signal);
  // Without a listener its failure, while the dial goes on, would end the process.
  reading.catch(() => {});
  const dialling = command === undefined ? dial(target, options) : startProxy(command, options);
  const preparing = prepareKeyExchanges(target);
  preparing.catch(() => {});
  const socket = await dialling;
  joinWrites(socket);
  // Its own step: a home directory that hangs is no fault of the server's.
  progress.begin("hostkey", "reading known_hosts");
  const files = await orDestroyed(reading, socket, signal);
  const exchanges = await orDestroyed(preparing, socket, signal);
  const login = new Login(target, socket, new HostKeyCheck(target, files), options, exchanges);
  const client = await login.run();
  return new SshConnection(target, client, socket, login, options.isShared ?? false);
}

/** The promise's value, or a rejection, also with the signal's reason; the socket is destroyed then. */
async function orDestroyed<T>(promise: Promise<T>, socket: Duplex, signal: AbortSignal): Promise<T> {
  try {
    return await unlessAborted(promise, signal);
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

/** SSH_OPEN_ADMINISTRATIVELY_PROHIBITED. */
const PROHIBITED = 1;

/** How long the server has to take our leave (milliseconds). */
const LEAVE = 500;

class SshConnection implements Connection, Line {
  readonly attempts: readonly Attempt[];
  readonly obstacles: readonly Obstacle[];
  readonly closed: Promise<string>;
  readonly target: Target;
  readonly isShared: boolean;
  received = 0;
  readonly #client: Client;
  readonly #socket: Duplex;
  readonly #listeners = new Set<() => void>();
  #over: string | undefined;

  constructor(target: Target, client: Client, socket: Duplex, login: Login, isShared: boolean) {
    this.attempts = login.attempts;
    this.obstacles = login.obstacles;
    this.target = target;
    this.isShared = isShared;
    this.#client = client;
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => {
      this.received += chunk.length;
    });
    client.on("error", (error) => this.#finish(login.refusal ?? reasonOf(error)));
    client.on("end", () => this.#finish("the server closed the connection"));
    this.closed = new Promise((resolve) => {
      client.on("close", () => {
        this.#finish("the connection was closed");
        resolve(this.#over ?? "");
      });
    });
  }

  get sent(): number {
    return "bytesWritten" in this.#socket ? Number(this.#socket.bytesWritten) : 0;
  }

  ping(onAnswer: () => void): boolean {
    return this.#over !== undefined || ping(this.#client, onAnswer);
  }

  get over(): string | undefined {
    return this.#over;
  }

  onOver(listener: () => void): () => void {
    if (this.#over === undefined) this.#listeners.add(listener);
    else listener();
    return () => this.#listeners.delete(listener);
  }

  exec(line: string, { signal }: { readonly signal: AbortSignal }): Promise<RemoteCommand> {
    signal.throwIfAborted();
    if (this.#over !== undefined) return Promise.reject(this.#lost());
    return new Promise((resolve, reject) => {
      const abort = () => reject(signal.reason);
      signal.addEventListener("abort", abort);
      this.#client.exec(line, (error, channel) => {
        signal.removeEventListener("abort", abort);
        if (error !== undefined) return void reject(this.#refusal(error));
        // At once: what the channel says next would be missed in a later turn.
        const command = new ChannelCommand(channel, this);
        if (signal.aborted) command.hangUp();
        resolve(command);
      });
    });
  }

  forward(to: Endpoint, origin: Origin): Promise<Duplex> {
    if (this.#over !== undefined) return Promise.reject(this.#lost());
    return new Promise((resolve, reject) => {
      this.#client.forwardOut(origin.address, origin.port, to.host, to.port, (error, channel) => {
        if (error !== undefined) reject(this.#unforwarded(to, error));
        else resolve(new Tunnel(channel, this));
      });
    });
  }

  end(): void {
    if (this.#over !== undefined) {
      this.destroy();
      return;
    }
    this.#client.end();
    const timer = setTimeout(() => this.destroy(), LEAVE);
    this.#socket.once("close", () => clearTimeout(timer));
    this.#socket.end(() => this.destroy());
  }

  destroy(): void {
    this.abandon("hung up");
  }

  abandon(reason: string): void {
    this.#finish(reason);
    this.#socket.destroy();
  }

  #finish(reason: string): void {
    this.#over ??= reason;
    for (const listener of this.#listeners) listener();
    this.#listeners.clear();
  }

  #refusal(error: Error & { readonly reason?: unknown }): Failure {
    const { server } = this.target;
    if (this.#over !== undefined) return this.#lost();
    if (error.reason === undefined) return new Failure("command", server, "the server does not run commands");
    const said = error.message.replace(/^\(SSH\) Channel open failure: /, "");
    return new SessionRefusal("command", server, `the server opens no session: "${said}"`, { cause: error });
  }

  /** The reasons are those of RFC 4254 section 5.1. */
  #unforwarded(to: Endpoint, error: Error & { readonly reason?: unknown }): Failure {
    if (this.#over !== undefined) return this.#lost();
    const said = error.message.replace(/^\(SSH\) Channel open failure: /, "");
    const { server } = this.target;
    const what =
      error.reason === PROHIBITED
        ? "the server does not allow forwarding"
        : `the server cannot connect to ${to.host}:${to.port}`;
    return new Failure("network", server, `${what}: "${said}"`, { cause: error });
  }

  #lost(): Failure {
    return new Failure("network", this.target.server, `connection lost: ${this.#over}`);
  }
}
