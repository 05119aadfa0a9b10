import type { Duplex } from "node:stream";
import { Failure } from "../failure.ts";
import type { Originator } from "../forwards/carry.ts";
import type { Person } from "../person.ts";
import type { Progress } from "../progress.ts";
import type { Note } from "../report/note.ts";
import type { Logins } from "../second_chances.ts";
import type { Endpoint } from "../table/table.ts";
import type { Target } from "../target/target.ts";
import type { Privilege } from "./channel/privilege.ts";
import type { RemoteCommand } from "./channel/remote_command.ts";
import type { Obstacle } from "./login/candidate.ts";
import type { EarlyOptions } from "./login/early_login.ts";
import type { LoginMemory } from "./login/refused_before.ts";
import type { TriedKey } from "./login/tried_key.ts";
import type { Purpose } from "./purpose.ts";

/** The server does not allow what was asked of it (SSH_OPEN_ADMINISTRATIVELY_PROHIBITED, RFC 4254 section 5.1). */
export class Prohibition extends Failure {}

/** The server opens no further session on this connection (MaxSessions of sshd_config(5)). */
export class SessionRefusal extends Failure {}

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
  readonly purpose: Purpose;
  /** Who can be asked about an unknown host key, and for more where the purpose is a login. */
  readonly person?: Person;
  /** What earlier logins have come to; it is asked before a connection is opened, and before a key is offered. */
  readonly memory?: LoginMemory;
  /** What the call may still do to log in. Default: as at its beginning. */
  readonly logins?: Logins;
  /** What is known of logins that have worked, and the command that goes along: exec() is to be called with it, or dropEarly(). */
  readonly early?: EarlyOptions | undefined;
}

/** A connection to a server that has been recognised and has let the user in. */
export interface Connection {
  /** The keys that were offered, in order; the last one that was signed with opened the door. */
  readonly attempts: readonly TriedKey[];
  /** Why other keys were not offered. */
  readonly obstacles: readonly Obstacle[];
  /** Resolves when the connection has ended, with the reason, as in "connection lost: REASON". */
  readonly closed: Promise<string>;
  /** What it leads to. */
  readonly target: Target;
  /** The server's version line, as in "SSH-2.0-OpenSSH_9.2p1" (RFC 4253 section 4.2). */
  readonly version: string;
  /** Bytes that came from the server, and that went to it, since the login. */
  readonly received: number;
  readonly sent: number;
  /** Downloads make way for somebody who waits for a session; what it gives is to be called when he has it, or no longer waits. */
  makeWay(): () => void;
  /** Asks the server for a sign of life; `onAnswer` is called if one comes. */
  ping(onAnswer: () => void): void;
  /** Starts a command. Throws a Failure (SessionRefusal when the server opens no session), or the signal's reason. */
  exec(line: string, options: { readonly signal: AbortSignal }): Promise<RemoteCommand>;
  /** Starts the login shell, without a terminal. Throws as exec(). */
  shell(options: { readonly signal: AbortSignal }): Promise<RemoteCommand>;
  /** Whether the server grants a privilege, which is given back at once. Throws a Failure, or the signal's reason. */
  grants(privilege: Privilege, options: { readonly signal: AbortSignal }): Promise<boolean>;
  /** Hangs up the command that went along with the login, unless exec() has been called with it. */
  dropEarly(): void;
  /** Opens a session for the next command, where there is none yet: exec() then waits for one round trip instead of two. */
  openAhead(): void;
  /** Whether there is one, or will be. */
  readonly hasAhead: boolean;
  /**
   * Opens a connection from the server to `to` (direct-tcpip, RFC 4254 section 7.2), on behalf of whoever connected
   * from `origin`. Throws a Failure with the server's reason, a Prohibition where it does not allow that.
   */
  forward(to: Endpoint, origin: Originator): Promise<Duplex>;
  /**
   * The same as a command, as with ssh -W: the server runs nothing for it, not even a shell. Throws also the signal's
   * reason.
   */
  reach(to: Endpoint, options: { readonly signal: AbortSignal }): Promise<RemoteCommand>;
  /** Takes leave of the server and closes; also what still runs on the connection. */
  end(): void;
  /** Closes at once: the server does not answer. `reason` is what sessions are told, after "connection lost: ". */
  abandon(reason: string): void;
}
