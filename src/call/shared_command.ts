import { Readable, Writable } from "node:stream";
import { onAbort } from "../abort.ts";
import type { Control } from "../control/callers_end.ts";
import type { Reply } from "../control/protocol.ts";
import { Failure, fromParts } from "../failure.ts";
import type { Exit } from "../ssh/channel/remote_command.ts";

/** What a caller is told while its session is being opened. */
export interface OpeningEar {
  readonly onRemark: (line: string) => void;
  readonly signal: AbortSignal;
}

/** A command that runs on the server over the master's connection, at the caller's end. */
export class SharedCommand {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly ended: Promise<Exit>;
  /** The last line that the server said beside the mail; complete when it has ended. */
  lastRemark = "";
  readonly #control: Control;
  readonly #ear: OpeningEar;
  #finish: (exit: Exit) => void = () => {};
  #open: () => void = () => {};
  #fail: (error: unknown) => void = () => {};
  #exit: Exit | undefined;
  #hasEnded = false;

  private constructor(control: Control, ear: OpeningEar) {
    this.#control = control;
    this.#ear = ear;
    this.ended = new Promise((resolve) => {
      this.#finish = resolve;
    });
    this.stdout = new Readable({ read: () => control.resume() });
    this.stdout.once("end", () => this.#look());
    this.stdin = new Writable({
      write: (chunk: Buffer, _encoding, done) => control.send(chunk, done),
      final: (done) => {
        control.sendEnd();
        done();
      },
    });
  }

  /** Waits for the session that was requested. Throws the master's Failure, or the signal's reason. */
  static async open(control: Control, server: string, ear: OpeningEar): Promise<SharedCommand> {
    const command = new SharedCommand(control, ear);
    const { signal } = ear;
    let stop = (): void => {};
    try {
      await new Promise<void>((resolve, reject) => {
        command.#open = resolve;
        command.#fail = reject;
        stop = onAbort(signal, () => reject(signal.reason));
        control.listen({
          reply: (reply) => command.#heed(reply),
          data: (bytes) => {
            // One that was given up while it was read from has more in the same piece.
            if (!command.#hasEnded && !command.stdout.push(bytes)) control.pause();
          },
          end: () => command.#end(),
          closed: () => command.#closed(server),
        });
      });
      return command;
    } catch (error) {
      control.close();
      throw error;
    } finally {
      stop();
    }
  }

  /** Gives the session up. */
  hangUp(): void {
    this.#control.close();
    this.#finish({ kind: "lost", why: "hung up" });
  }

  #heed(reply: Reply): void {
    switch (reply.type) {
      case "opened":
        this.#open();
        return;
      case "failure":
        this.#fail(fromParts(reply.failure));
        return;
      case "remark":
        this.#ear.onRemark(reply.line);
        return;
      case "exit":
        this.lastRemark = reply.lastRemark;
        this.#over(reply.exit);
        return;
      default:
      // What a newer master might say besides.
    }
  }

  #closed(server: string): void {
    this.#fail(new MasterGone("network", server, GONE));
    this.#over({ kind: "lost", why: GONE });
  }

  #over(exit: Exit): void {
    this.#exit ??= exit;
    this.#end();
    this.#look();
  }

  #end(): void {
    if (!this.#hasEnded) this.stdout.push(null);
    this.#hasEnded = true;
  }

  /** It has ended when all that it said has been read. */
  #look(): void {
    if (this.#exit === undefined || !this.stdout.readableEnded) return;
    this.#control.close();
    this.#finish(this.#exit);
  }
}

const GONE = "the process that holds the connections has ended";

/** The master has ended while it was asked, which says nothing about the server. */
export class MasterGone extends Failure {}
