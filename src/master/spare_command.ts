import { Readable, Writable } from "node:stream";
import { SESSION_SILENCE_MS } from "../second_chances.ts";
import type { Started } from "../session/opening.ts";
import type { Exit, RemoteCommand } from "../ssh/channel/remote_command.ts";
import type { Liveness } from "../ssh/liveness.ts";
import type { SharedConnection } from "./shared_connection.ts";

/** A session, and the connection that it is on. */
export interface Placed extends Started {
  readonly on: SharedConnection;
}

/** Bytes of the client that are kept to be said again. */
const MOST_KEPT = 64 * 1024;

/** Opens another mailbox. */
type Again = () => Promise<Pick<Placed, "remote" | "first">>;

/**
 * A mailbox that was open in advance: its end may have been on the way when it was handed out. As long as it has not
 * answered, what the client says is kept; when it ends or does not answer, another one takes its place and is told
 * the same.
 */
export class SpareCommand implements RemoteCommand {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly ended: Promise<Exit>;
  readonly #liveness: Pick<Liveness, "silentFor">;
  readonly #again: Again;
  readonly #answered = new AbortController();
  #current: RemoteCommand;
  #kept: Buffer[] = [];
  #keptBytes = 0;
  /** Goes on with what the client says, which waits for the other one. */
  #goOn: () => void = () => {};
  #hasEnded = false;
  #isReplacing = false;
  #isHungUp = false;
  #isOver = false;
  #finish: (exit: Exit) => void = () => {};

  /** `again` opens another one. */
  constructor(spare: Pick<Placed, "remote">, liveness: Pick<Liveness, "silentFor">, again: Again) {
    this.#current = spare.remote;
    this.#liveness = liveness;
    this.#again = again;
    this.stderr = spare.remote.stderr;
    this.ended = new Promise((resolve) => {
      this.#finish = resolve;
    });
    this.stdout = new Readable({ read: () => void this.#current.stdout.resume() });
    this.stdin = new Writable({
      write: (chunk: Buffer, _encoding, done) => this.#say(chunk, done),
      final: (done) => {
        this.#hasEnded = true;
        this.#current.stdin.end();
        done();
      },
    });
    this.#follow(this.#current);
  }

  hangUp(): void {
    this.#isHungUp = true;
    this.#current.hangUp();
    if (this.#isReplacing) this.#end({ kind: "lost", why: "hung up" });
  }

  #follow(remote: RemoteCommand): void {
    remote.stdin.on("error", () => {});
    remote.stdout.on("data", (chunk: Buffer) => {
      // What one that has been given up says late, another one says as well.
      if (remote !== this.#current || this.#isReplacing) return;
      this.#settle();
      if (!this.stdout.push(chunk)) remote.stdout.pause();
    });
    // The end of a mailbox that may still be replaced is not the client's to see.
    void remote.ended.then((exit) => {
      if (remote !== this.#current || this.#isReplacing) return;
      if (this.#mayReplace) return void this.#replace();
      this.#end(exit);
    });
  }

  #end(exit: Exit): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.stdout.push(null);
    this.#finish(exit);
  }

  get #mayReplace(): boolean {
    return !this.#answered.signal.aborted && !this.#isHungUp && !this.#isReplacing;
  }

  /** It has answered: it is a mailbox like any other. */
  #settle(): void {
    this.#answered.abort();
    this.#kept = [];
  }

  #say(chunk: Buffer, done: () => void): void {
    const isFirst = this.#keptBytes === 0;
    if (!this.#answered.signal.aborted) {
      this.#kept.push(chunk);
      this.#keptBytes += chunk.length;
    }
    // It is among what the next one is told, and no more is taken until then.
    if (this.#isReplacing) {
      this.#goOn = done;
      return;
    }
    if (this.#keptBytes > MOST_KEPT) this.#settle();
    if (isFirst) void this.#expectAnswer();
    this.#current.stdin.write(chunk, () => done());
  }

  async #expectAnswer(): Promise<void> {
    const isSilent = await this.#liveness.silentFor(SESSION_SILENCE_MS, this.#answered.signal);
    if (isSilent && this.#mayReplace) await this.#replace();
  }

  async #replace(): Promise<void> {
    this.#isReplacing = true;
    const dead = this.#current;
    try {
      const { remote, first } = await this.#again();
      dead.hangUp();
      if (this.#isHungUp) return remote.hangUp();
      this.#current = remote;
      // The client has been greeted.
      for (const rest of first.slice(1)) if (rest.length > 0) this.stdout.push(rest);
      const said = Buffer.concat(this.#kept);
      this.#settle();
      this.#isReplacing = false;
      this.#follow(remote);
      if (said.length > 0) remote.stdin.write(said);
      if (this.#hasEnded) remote.stdin.end();
      remote.stdout.resume();
    } catch (error) {
      this.#end({ kind: "lost", why: error instanceof Error ? error.message : String(error) });
    }
    this.#goOn();
  }
}
