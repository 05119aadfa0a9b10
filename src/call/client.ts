import type { Writable } from "node:stream";
import type { RefusedClient } from "../report/refusal.ts";
import { AT_ONCE, type PendingInput, type Stdio, type World } from "../world.ts";

/** Bytes that are kept for a client which speaks before its greeting; then it is not read any further. */
const MOST_KEPT = 64 * 1024;

/** How often it is looked whether a client that may not send is still there: it must be noticed within a second. */
const WATCH_MS = 250;

/**
 * The mail client at the other end of standard input and output. `onGone` is called once, with words for it, when it
 * has hung up: nobody reads the output any more or, while the greeting is waited for, its input ended without a byte.
 */
export class Client implements RefusedClient {
  readonly #world: Pick<World, "stdio" | "write">;
  /** Made when it is needed: in an executable the first use of the output takes longer than a greeting. */
  #made: Stdio | undefined;
  #isFirst = true;
  readonly #onGone: (what: string) => void;
  readonly #kept: Buffer[] = [];
  #keptBytes = 0;
  #listening = false;
  #ended = false;
  #gone = false;
  /** Runs while the input is held. */
  #watch: NodeJS.Timeout | undefined;
  #watched = false;
  /** Writes that have not been called back. */
  #unwritten = 0;
  readonly #awaitingFlush: (() => void)[] = [];
  /** Whoever takes the input now; at first it is kept. */
  #onBytes: (chunk: Buffer) => void = (chunk) => this.#keep(chunk);
  #onEnd: () => void = () => {
    if (this.#keptBytes === 0) this.#hangUp("the mail client hung up before the greeting");
  };

  constructor(world: Pick<World, "stdio" | "write">, onGone: (what: string) => void) {
    this.#world = world;
    this.#onGone = onGone;
  }

  get #stdio(): Stdio {
    if (this.#made !== undefined) return this.#made;
    this.#made = this.#world.stdio();
    this.#made.output.on("error", () => this.#hangUp("the mail client hung up"));
    return this.#made;
  }

  /** Starts to read: bytes are kept, and an end without any means that the client has gone. `heard` came before. */
  listen(heard?: PendingInput): void {
    if (this.#listening) return;
    this.#listening = true;
    const { input } = this.#stdio;
    if (typeof heard === "object") this.#keep(heard);
    else if (heard === "end") this.#end();
    input.on("data", (chunk: Buffer) => this.#onBytes(chunk));
    // A socketpair whose other end is gone may report ECONNRESET instead of its end.
    for (const event of ["end", "error", "close"]) input.on(event, () => this.#end());
  }

  /** The first bytes of the client, until they are enough, or 64 KiB, or all. They stay to be poured. */
  peek(isEnough: (bytes: Buffer) => boolean): Promise<Buffer> {
    return new Promise((resolve) => {
      const look = (): void => {
        const bytes = Buffer.concat(this.#kept);
        if (!this.#ended && bytes.length < MOST_KEPT && !isEnough(bytes)) return;
        this.#onBytes = (chunk) => this.#keep(chunk);
        this.#onEnd = () => {};
        resolve(bytes);
      };
      this.#onBytes = (chunk) => {
        this.#keep(chunk);
        look();
      };
      this.#onEnd = look;
      this.listen();
      look();
    });
  }

  /** Sends what was kept and all that follows to `sink`, waiting for it; `onEnd` after the last byte. */
  pour(sink: Writable, onEnd: () => void): void {
    const pass = (chunk: Buffer): void => {
      if (sink.write(chunk)) return;
      this.#hold();
      sink.once("drain", () => this.#resume());
    };
    this.#onBytes = pass;
    this.#onEnd = onEnd;
    this.listen();
    const kept = this.#kept.splice(0);
    if (kept.length > 0) pass(Buffer.concat(kept));
    if (this.#ended) onEnd();
    else if (!sink.writableNeedDrain) this.#resume();
  }

  /** Writes; false when the client should be given time, until `drained`. */
  write(bytes: Buffer): boolean {
    if (this.#gone) return true;
    if (this.#isFirst && bytes.length <= AT_ONCE) return this.#writeAtOnce(bytes);
    this.#isFirst = false;
    this.#unwritten++;
    return this.#stdio.output.write(bytes, () => {
      this.#unwritten--;
      if (this.#unwritten === 0) this.#flush();
    });
  }

  #writeAtOnce(bytes: Buffer): boolean {
    this.#isFirst = false;
    if (!this.#world.write(1, bytes)) this.#hangUp("the mail client hung up");
    return true;
  }

  drained(listener: () => void): void {
    this.#stdio.output.once("drain", listener);
  }

  /** Resolves when all that was written has left, or nobody is there to read it. */
  flushed(): Promise<void> {
    // Each write is counted: Bun calls an empty one back before those that still wait for a slow reader.
    return new Promise((resolve) => {
      if (this.#gone || this.#unwritten === 0) resolve();
      else this.#awaitingFlush.push(resolve);
    });
  }

  /** Ends the output for its reader; to be called when flushed. */
  endOutput(): void {
    this.#stdio.endOutput();
  }

  /** Lets the client see the end of everything, though this process goes on. To be called when flushed. */
  leave(): void {
    clearInterval(this.#watch);
    this.#onEnd = () => {};
    this.#stdio.input.destroy();
    this.#stdio.endOutput();
  }

  say(text: string): void {
    this.write(Buffer.from(text, "latin1"));
  }

  firstLine(ms: number): Promise<string | undefined> {
    return new Promise((resolve) => {
      let text = "";
      const timer = setTimeout(resolve, ms, undefined);
      const done = (line: string | undefined): void => {
        clearTimeout(timer);
        resolve(line);
      };
      const look = (chunk: Buffer): void => {
        text += chunk.toString("latin1");
        const end = text.indexOf("\n");
        if (end >= 0) done(text.slice(0, end).replace(/\r$/, ""));
        else if (text.length > MOST_KEPT) done(undefined);
      };
      this.#onBytes = look;
      this.#onEnd = () => done(undefined);
      this.listen();
      for (const chunk of this.#kept.splice(0)) look(chunk);
      if (this.#ended || this.#gone) done(undefined);
      else this.#resume();
    });
  }

  #keep(chunk: Buffer): void {
    this.#kept.push(chunk);
    this.#keptBytes += chunk.length;
    if (this.#keptBytes >= MOST_KEPT) this.#hold();
  }

  /** Stops reading. An end of the input is not seen then, so it is looked whether the output still has a reader. */
  #hold(): void {
    const { input } = this.#stdio;
    input.pause();
    clearInterval(this.#watch);
    const look = (): void => {
      if (!this.#stdio.readerIsGone()) return;
      clearInterval(this.#watch);
      this.#hangUp("the mail client hung up");
    };
    this.#watch = setInterval(look, WATCH_MS);
    if (this.#watched) return;
    this.#watched = true;
    look();
  }

  #resume(): void {
    clearInterval(this.#watch);
    this.#stdio.input.resume();
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#onEnd();
  }

  #flush(): void {
    for (const resolve of this.#awaitingFlush.splice(0)) resolve();
  }

  #hangUp(what: string): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#onGone(what);
    this.#flush();
  }
}
