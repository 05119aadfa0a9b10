import type { Readable } from "node:stream";
import { PATIENCE, within } from "./waiting.ts";

/** All that a stream has delivered so far, and the means to wait for more of it. */
export class Received {
  readonly #name: string;
  readonly #chunks: Buffer[] = [];
  readonly #watchers = new Set<() => void>();
  #over = false;

  /** Reads `stream` from now on; `name` is for messages. An error of the stream counts as its end. */
  constructor(stream: Readable, name: string) {
    this.#name = name;
    const over = () => {
      this.#over = true;
      this.#tell();
    };
    stream.on("data", (chunk: Buffer) => {
      this.#chunks.push(chunk);
      this.#tell();
    });
    stream.on("end", over).on("error", over).on("close", over);
  }

  /** Everything so far. */
  get bytes(): Buffer {
    if (this.#chunks.length > 1) this.#chunks.splice(0, this.#chunks.length, Buffer.concat(this.#chunks));
    return this.#chunks[0] ?? Buffer.alloc(0);
  }

  /** Everything so far, one character a byte. */
  get text(): string {
    return this.bytes.toString("latin1");
  }

  /** Whether the end of the stream has come. */
  get over(): boolean {
    return this.#over;
  }

  /** Waits until everything so far matches `pattern`; throws at the end of the stream or of `limit`. */
  async until(pattern: RegExp, limit: number = PATIENCE): Promise<RegExpExecArray> {
    const found = this.#when(() => {
      const match = pattern.exec(this.text);
      if (match === null && this.#over) {
        throw new Error(`${this.#name} ended without ${pattern}\n${this.#shown()}`);
      }
      return match ?? undefined;
    });
    return within(found, `${pattern} on ${this.#name}`, () => this.#shown(), limit);
  }

  /** Waits for the end of the stream and gives everything that came. */
  async ended(limit: number = PATIENCE): Promise<Buffer> {
    const end = this.#when(() => (this.#over ? this.bytes : undefined));
    return within(end, `the end of ${this.#name}`, () => this.#shown(), limit);
  }

  #tell(): void {
    for (const watcher of [...this.#watchers]) watcher();
  }

  #when<T>(look: () => T | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const watcher = () => {
        try {
          const seen = look();
          if (seen === undefined) return;
          resolve(seen);
        } catch (error) {
          reject(error);
        }
        this.#watchers.delete(watcher);
      };
      this.#watchers.add(watcher);
      watcher();
    });
  }

  #shown(): string {
    const text = this.text;
    return text.length > 4000
      ? `received ${text.length} bytes, the last: ${text.slice(-4000)}`
      : `received: ${text}`;
  }
}
