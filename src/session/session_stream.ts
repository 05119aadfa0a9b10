import { Duplex } from "node:stream";
import type { Exit, RemoteCommand } from "../ssh/channel/remote_command.ts";
import { onceEnded } from "./ended.ts";
import { quotedTail } from "./exit.ts";
import { Farewell } from "./farewell.ts";

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
  #hasEnded = false;

  constructor({ remote, first }: Streamed, method: string) {
    super({ allowHalfOpen: true });
    this.#remote = remote;
    this.#isImap = method === "imap";
    this.#farewell = new Farewell(() => remote.hangUp());
    // The server may close its end first: what the client still says has nowhere to go.
    remote.stdin.on("error", () => {});
    for (const bytes of first) if (bytes.length > 0) this.push(bytes);
    remote.stdout.on("data", (chunk: Buffer) => {
      this.#farewell.heard();
      if (this.push(chunk)) return;
      remote.stdout.pause();
      this.#farewell.suspend();
    });
    onceEnded(remote.stdout, () => this.#endOutput());
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

  #end(exit: Exit): void {
    const isLost = exit.kind === "lost" && !this.#farewell.over;
    this.#farewell.stop();
    if (isLost) this.destroy(new Error(`connection lost${quotedTail(exit.why)}`));
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
