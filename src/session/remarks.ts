import type { Readable } from "node:stream";

/** Characters of a line that are handed on at once: with the name of a server they are a whole line of the log. */
const MAX_LINE = 3800;

/** Reads what a remote command says on standard error, line by line, and keeps the last one for a message. */
export class Remarks {
  #last = "";
  #pending = "";
  readonly #onLine: (line: string) => void;

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  /** Reads a stream to its end: an unread one would stall the channel (RFC 4254 section 5.2: one window for both). */
  listenTo(stream: Readable): void {
    stream.setEncoding("utf8");
    stream.on("data", (text: string) => this.#take(text));
    stream.on("end", () => this.#line(this.#pending));
    stream.on("error", () => {});
  }

  /** Takes a whole line from elsewhere, such as noise before a greeting. */
  add(line: string): void {
    this.#line(line);
  }

  /** The last line that was not blank: most likely the reason of what happened. Empty when there was none. */
  get last(): string {
    return this.#last;
  }

  #take(text: string): void {
    const lines = (this.#pending + text).split(/\r?\n/);
    const rest = lines.pop() ?? "";
    for (const line of lines) this.#line(line);
    // A line without an end must not fill the memory.
    const whole = rest.length - (rest.length % MAX_LINE);
    this.#line(rest.slice(0, whole));
    this.#pending = rest.slice(whole);
  }

  /** Hands a line on; a long one in pieces, since the log would cut it. */
  #line(line: string): void {
    for (let start = 0; start < line.length; start += MAX_LINE) {
      this.#piece(line.slice(start, start + MAX_LINE));
    }
  }

  #piece(line: string): void {
    if (line.trim() === "") return;
    this.#last = line.trim();
    this.#onLine(line);
  }
}
