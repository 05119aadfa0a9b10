import type { Duplex } from "node:stream";
import type { Client } from "ssh2";
import { orAborted } from "../abort.ts";
import { Failure } from "../failure.ts";
import type { Originator } from "../forwards/carry.ts";
import { abandon, NOWHERE } from "../forwards/carry.ts";
import type { Endpoint } from "../table/table.ts";
import type { Target } from "../target/target.ts";
import { PortCommand } from "./channel/port_command.ts";
import { isGranted, type Privilege } from "./channel/privilege.ts";
import { type ExecReply, type RemoteCommand, startedCommand } from "./channel/remote_command.ts";
import { SessionAhead } from "./channel/session_ahead.ts";
import { Tunnel } from "./channel/tunnel.ts";
import { type Connection, Prohibition, SessionRefusal } from "./connection.ts";
import type { Obstacle } from "./login/candidate.ts";
import type { EarlySession } from "./login/early_login.ts";
import type { TriedKey } from "./login/tried_key.ts";
import type { Login } from "./login.ts";
import type { Lifeline } from "./ssh2/connection_end.ts";

/** SSH_OPEN_ADMINISTRATIVELY_PROHIBITED. */
const PROHIBITED = 1;

/** What sshd wants of its configuration and of the key, for a direct-tcpip channel. */
const ALLOWANCE =
  "the server's sshd_config must have AllowTcpForwarding yes, and authorized_keys must not restrict the key without port-forwarding";

/** How long the server has to take our leave (milliseconds). */
const LEAVE = 500;

/** Whether the server has said that it opens no channel: ssh2 gives its reason then. */
export function isRefusal(error: Error): boolean {
  return "reason" in error && error.reason !== undefined;
}

/** A connection on which the user is logged in. */
export class SshConnection implements Connection {
  readonly attempts: readonly TriedKey[];
  readonly obstacles: readonly Obstacle[];
  readonly target: Target;
  readonly version: string;
  #isEnding = false;
  received = 0;
  readonly #client: Client;
  readonly #socket: Duplex;
  readonly #lifeline: Lifeline;
  #early: EarlySession | undefined;
  #ahead: SessionAhead | undefined;

  constructor(target: Target, client: Client, socket: Duplex, login: Login, isShared: boolean) {
    this.attempts = login.attempts;
    this.obstacles = login.obstacles;
    this.target = target;
    this.version = login.version;
    this.#client = client;
    this.#socket = socket;
    this.#lifeline = login.lifeline;
    this.#lifeline.isShared = isShared;
    // Before ssh2 tells what is in it.
    socket.prependListener("data", (chunk: Buffer) => {
      this.received += chunk.length;
    });
    this.#early = login.early?.session;
  }

  get closed(): Promise<string> {
    return this.#lifeline.closed;
  }

  get sent(): number {
    return "bytesWritten" in this.#socket ? Number(this.#socket.bytesWritten) : 0;
  }

  ping(onAnswer: () => void): void {
    if (this.#lifeline.over === undefined && this.#socket.writable) this.#lifeline.roundTrip.ping(onAnswer);
  }

  makeWay(): () => void {
    this.#lifeline.waiting++;
    return () => this.#lifeline.waiting--;
  }

  abandon(reason: string): void {
    this.#lifeline.abandon(reason);
  }

  async exec(line: string, { signal }: { readonly signal: AbortSignal }): Promise<RemoteCommand> {
    signal.throwIfAborted();
    const early = this.#early?.line === line ? this.#early : undefined;
    if (early !== undefined) this.#early = undefined;
    if (early === undefined && this.#isGone) throw this.#lost();
    const answer = await orAborted(early?.answer ?? this.#answer(line, signal), signal);
    if ("error" in answer) throw this.#refusal(answer.error);
    return answer.command;
  }

  async shell({ signal }: { readonly signal: AbortSignal }): Promise<RemoteCommand> {
    signal.throwIfAborted();
    if (this.#isGone) throw this.#lost();
    const answer = await orAborted(this.#start(undefined, signal), signal);
    if ("error" in answer) throw this.#refusal(answer.error);
    return answer.command;
  }

  async grants(privilege: Privilege, { signal }: { readonly signal: AbortSignal }): Promise<boolean> {
    signal.throwIfAborted();
    if (this.#isGone) throw this.#lost();
    try {
      return await orAborted(isGranted(this.#client, privilege), signal);
    } catch (error) {
      signal.throwIfAborted();
      throw this.#refusal(error as Error);
    }
  }

  dropEarly(): void {
    const early = this.#early;
    this.#early = undefined;
    void early?.answer.then((answer) => {
      if ("command" in answer) answer.command.hangUp();
    });
  }

  get hasAhead(): boolean {
    return this.#ahead !== undefined;
  }

  openAhead(): void {
    if (this.#ahead !== undefined || this.#isGone || !this.#socket.writable) return;
    this.#ahead = new SessionAhead(this.#client, this.#lifeline, () => {
      this.#ahead = undefined;
    });
  }

  /** In the session that has been opened ahead; in another one where there is none, or nothing has come of it. */
  async #answer(line: string, signal: AbortSignal): Promise<ExecReply> {
    const ahead = this.#ahead;
    this.#ahead = undefined;
    const answer = await ahead?.start(line);
    if (answer !== undefined && "command" in answer) {
      if (signal.aborted) answer.command.hangUp();
      return answer;
    }
    const isOver = signal.aborted || this.#isGone;
    if (answer !== undefined && isOver) return answer;
    if (this.#isGone) throw this.#lost();
    return this.#start(line, signal);
  }

  #start(line: string | undefined, signal: AbortSignal): Promise<ExecReply> {
    return new Promise((resolve) => {
      this.#client.session((error, channel) => {
        if (error !== undefined) return void resolve({ error });
        const answer = startedCommand(channel, this.#lifeline, line);
        resolve(answer);
        void answer.then((one) => {
          if (signal.aborted && "command" in one) one.command.hangUp();
        });
      });
    });
  }

  forward(to: Endpoint, origin: Originator): Promise<Tunnel> {
    if (this.#isGone) return Promise.reject(this.#lost());
    return new Promise((resolve, reject) => {
      this.#client.forwardOut(origin.address, origin.port, to.host, to.port, (error, channel) => {
        if (error !== undefined) reject(this.#unforwarded(to, error));
        else resolve(new Tunnel(channel, this.#lifeline));
      });
    });
  }

  async reach(to: Endpoint, { signal }: { readonly signal: AbortSignal }): Promise<RemoteCommand> {
    signal.throwIfAborted();
    const opening = this.forward(to, NOWHERE);
    try {
      return new PortCommand(await orAborted(opening, signal), this.#lifeline);
    } catch (error) {
      opening.then(abandon, () => {});
      throw error;
    }
  }

  end(): void {
    if (this.#lifeline.over !== undefined) {
      this.#lifeline.destroy();
      return;
    }
    this.#isEnding = true;
    this.#client.end();
    const timer = setTimeout(() => this.#lifeline.destroy(), LEAVE);
    this.#socket.once("close", () => clearTimeout(timer));
    this.#socket.end(() => this.#lifeline.destroy());
  }

  #refusal(error: Error): Failure {
    const { server } = this.target;
    if (!isRefusal(error)) {
      if (this.#lifeline.over !== undefined) return this.#lost();
      return new Failure("command", server, "the server does not run commands");
    }
    const said = error.message.replace(/^\(SSH\) Channel open failure: /, "");
    return new SessionRefusal("command", server, `the server opens no session: "${said}"`, { cause: error });
  }

  /** The reasons are those of RFC 4254 section 5.1. */
  #unforwarded(to: Endpoint, error: Error & { readonly reason?: unknown }): Failure {
    if (this.#lifeline.over !== undefined) return this.#lost();
    const said = error.message.replace(/^\(SSH\) Channel open failure: /, "");
    const { server } = this.target;
    const what =
      error.reason === PROHIBITED
        ? "the server does not allow forwarding"
        : `the server cannot connect to ${to.host}:${to.port}`;
    const hints = error.reason === PROHIBITED ? [ALLOWANCE] : [];
    const Kind = error.reason === PROHIBITED ? Prohibition : Failure;
    return new Kind("network", server, `${what}: "${said}"`, { cause: error, hints });
  }

  /** Whether nothing can be begun on it any more: ssh2 throws for what it is asked after its end. */
  get #isGone(): boolean {
    return this.#isEnding || this.#lifeline.over !== undefined;
  }

  #lost(): Failure {
    const why = this.#lifeline.over ?? "closed by preauth";
    return new Failure("network", this.target.server, `connection lost: ${why}`);
  }
}
