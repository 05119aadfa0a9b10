import type { Readable } from "node:stream";

/** Characters of a line that are handed on at once: with the name of a server they are a whole line of the log. */
const MAX_LINE = 3800;

/** Words of trouble. */
const TROUBLE =
  /not found|no such|denied|permitted|fatal|error|fail|cannot|can't|could not|missing|refused|unknown|invalid/i;

/** What shells and sshd(8) say of a locale or a home that is not there, before all goes on. */
const HARMLESS = /setlocale|\bLC_ALL\b|could not chdir to home|warning:/i;

/** A path, or the word that Courier was given for one. */
const NAMES_FILE = /\/|^chdir /;

/** Reads what a remote command says on standard error, line by line, and keeps the last one for a message. */
export class Remarks {
  #last = "";
  /** The last line that sounds like trouble, and the last of these that names a file. */
  #trouble = "";
  #placed = "";
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

  /** The line that says most about what went wrong: what an imapd says of a file, before what it says of the end. */
  get telling(): string {
    return this.#placed || this.#trouble || this.#last;
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
    if (TROUBLE.test(line) && !HARMLESS.test(line)) {
      this.#trouble = this.#last;
      if (NAMES_FILE.test(line)) this.#placed = this.#last;
    }
    this.#onLine(line);
  }
}
