import type { Readable, Writable } from "node:stream";
import type { ClientChannel } from "ssh2";
import { ChannelInput, type Line, silence } from "../ssh2/channel_input.ts";
import { directionsOf } from "../ssh2/patched.ts";
import { widenWindow } from "../ssh2/receiving.ts";

/** How a remote command came to its end. */
export type Exit =
  | { readonly kind: "status"; readonly status: number }
  /** `signal` has the name of ours: "SIGTERM". */
  | { readonly kind: "signal"; readonly signal: string }
  /** Neither came. `why` completes "connection lost: "; empty when there is nothing to say. */
  | { readonly kind: "lost"; readonly why: string }
  /** Its connection was ended from here because somebody wanted that: --stop --now. */
  | { readonly kind: "stopped" };

/** A command that runs on the server. */
export interface RemoteCommand {
  /** Takes no more once the command has ended: what is written then is thrown away without an error. */
  readonly stdin: Writable;
  /** Both outputs must be read: unread ones stall the channel, and `ended` comes after their ends. */
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly ended: Promise<Exit>;
  /** Closes the channel. A server that does not answer within 500 ms loses the whole connection, unless it is shared. */
  hangUp(): void;
}

/** How long the server has to answer a close (milliseconds). */
const ANSWER = 500;

/** How long it has to say whether it runs a command, or anything else: small servers never say so (milliseconds). */
const GRANT = 300;

/** What comes of a command: `error` as ssh2 gives it, with a reason where the server opened no session for it. */
export type ExecReply = { readonly command: ChannelCommand } | { readonly error: Error };

/**
 * A command in a session that has just been opened, once the server has granted it, or says something without having done
 * so, or says nothing for a while: ssh(1) does not wait for that at all. Without `text` it is the login shell. `isSent`: the
 * request has left already.
 */
export function startedCommand(
  channel: ClientChannel,
  line: Line,
  text: string | undefined,
  isSent = false,
): Promise<ExecReply> {
  // At once: what the channel says next would be missed in a later turn.
  const command = new ChannelCommand(channel, line);
  return new Promise((resolve) => {
    const asked = performance.now();
    const timer = setTimeout(() => resolve({ command }), GRANT);
    void command.granted.then((isGranted) => {
      clearTimeout(timer);
      if (!isSent) line.roundTrip.took(performance.now() - asked);
      resolve(isGranted ? { command } : { error: new Error("the server does not run commands") });
    });
    if (text === undefined) askForShell(channel);
    else channel.exec(text, isSent);
  });
}

/** As Channel.exec() does for a command. */
function askForShell(channel: ClientChannel): void {
  channel._callbacks.push((hasFailed) => channel.emit("answer", !hasFailed));
  channel._client._protocol.shell(directionsOf(channel).outgoing.id, true);
}

/** A running command on top of ssh2's channel. */
export class ChannelCommand implements RemoteCommand {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly ended: Promise<Exit>;
  /** Resolves when the server has said whether it runs the command, or says anything else on its channel. */
  readonly granted: Promise<boolean>;
  readonly #channel: ClientChannel;
  readonly #line: Line;
  #exit: Exit | undefined;
  #hungUp = false;
  #isRefused = false;
  #drop = () => {};

  constructor(channel: ClientChannel, line: Line) {
    this.#channel = channel;
    this.#line = line;
    this.stdin = new ChannelInput(channel, line);
    this.stdout = channel;
    this.stderr = channel.stderr;
    widenWindow(channel, line);
    channel.on("error", () => {});
    this.granted = new Promise((resolve) => {
      channel.once("answer", (isGranted: boolean) => {
        this.#isRefused = !isGranted;
        resolve(isGranted);
        if (!isGranted) this.hangUp();
      });
    });
    const forget = line.onOver(() => silence(channel));
    channel.once("close", forget);
    channel.on("exit", (status: number | null, signal?: string) => {
      if (status !== null) this.#exit = { kind: "status", status };
      else this.#exit = { kind: "signal", signal: signal ?? "" };
    });
    const closed = new Promise<void>((resolve) => channel.once("close", () => resolve()));
    const quiet = new Promise<void>((resolve) => channel.stderr.once("close", () => resolve()));
    const dropped = new Promise<void>((resolve) => {
      this.#drop = resolve;
    });
    this.ended = Promise.race([Promise.all([closed, quiet]), dropped]).then(
      () => this.#exit ?? { kind: "lost", why: this.#why() },
    );
  }

  hangUp(): void {
    if (this.#hungUp) return;
    this.#hungUp = true;
    if (this.#line.over === undefined) this.#channel.close();
    // 'close' does not come before both outputs have been read, which nobody may do any more.
    this.#channel.resume();
    this.#channel.stderr.resume();
    const timer = setTimeout(() => {
      if (!this.#line.isShared) this.#line.destroy();
      this.#drop();
    }, ANSWER);
    void this.ended.then(() => clearTimeout(timer));
  }

  #why(): string {
    if (this.#isRefused) return "the server does not run commands";
    if (this.#hungUp) return "hung up";
    return this.#line.over ?? "the server closed the channel without an exit status";
  }
}
