import { Duplex } from "node:stream";
import { unavailable } from "../report/refusal.ts";
import type { Exit, RemoteCommand } from "../ssh/channel/remote_command.ts";
import { onceEnded } from "./ended.ts";
import { described } from "./exit.ts";
import { Farewell } from "./farewell.ts";
import type { Called } from "./no_greeting.ts";
import { SmtpGuard } from "./smtp_guard.ts";

/** What of a session goes into a stream. */
export interface Streamed {
  readonly remote: Pick<RemoteCommand, "stdin" | "stdout" | "ended" | "hangUp">;
  /** Bytes of the server that go first. */
  readonly first: readonly Buffer[];
}

/**
 * A session as a stream, for a connection to a forward: the greeting first, and each side's end passed on, as a mail call
 * has it. To destroy it is to hang up.
 */
export class SessionStream extends Duplex {
  readonly #remote: Streamed["remote"];
  readonly #isImap: boolean;
  readonly #farewell: Farewell;
  readonly #guard: SmtpGuard | undefined;
  #hasEnded = false;

  /** `onRemark` takes the lines that a shell prints before METHOD smtp greets. */
  constructor({ remote, first }: Streamed, call: Called, onRemark: (line: string) => void) {
    super({ allowHalfOpen: true });
    this.#remote = remote;
    this.#isImap = call.method === "imap";
    const isSmtp = call.method === "smtp";
    this.#guard = isSmtp ? new SmtpGuard(call, onRemark, () => remote.hangUp()) : undefined;
    this.#farewell = new Farewell(() => remote.hangUp());
    // The server may close its end first: what the client still says has nowhere to go.
    remote.stdin.on("error", () => {});
    for (const bytes of first) if (bytes.length > 0) this.push(bytes);
    remote.stdout.on("data", (chunk: Buffer) => this.#hear(this.#guard?.take(chunk) ?? chunk));
    onceEnded(remote.stdout, () => {
      if (this.#guard === undefined) this.#endOutput();
      else this.#hear(this.#guard.end());
    });
    void remote.ended.then((exit) => this.#end(exit));
  }

  override _read(): void {
    this.#farewell.heard();
    this.#remote.stdout.resume();
  }

  override _write(chunk: Buffer, encoding: BufferEncoding, done: () => void): void {
    this.#remote.stdin.write(chunk, encoding, () => done());
  }

  override _final(done: () => void): void {
    this.#remote.stdin.end();
    if (this.#isImap) this.#farewell.start();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#farewell.stop();
    this.#remote.hangUp();
    done(error);
  }

  #hear(bytes: Buffer): void {
    this.#farewell.heard();
    if (bytes.length === 0 || this.push(bytes)) return;
    this.#remote.stdout.pause();
    this.#farewell.suspend();
  }

  #end(exit: Exit): void {
    const failure = this.#guard?.failure(exit);
    const isLost = (exit.kind === "lost" || exit.kind === "stopped") && !this.#farewell.over;
    this.#farewell.stop();
    if (failure !== undefined) this.push(unavailable("smtp", failure));
    if (isLost && failure === undefined) this.destroy(new Error(`it ended ${described(exit)}`));
    else {
      this.#endOutput();
      // Nothing of what is still written would arrive. What the server has said is read first.
      if (this.readableEnded) this.destroy();
      else this.once("end", () => this.destroy());
    }
  }

  #endOutput(): void {
    if (!this.#hasEnded) this.push(null);
    this.#hasEnded = true;
  }
}
