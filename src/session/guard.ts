/** How an IMAP server may begin (RFC 3501 section 7.1). */
const GREETING = /^\* (PREAUTH|OK|BYE|NO)\b/i;

/** Bytes without a greeting after which it is not an IMAP server that is talking. */
const MAX_NOISE = 64 * 1024;

/** Bytes of a greeting line, without its end, that are passed on. Alpine takes 1,023 with it. */
const MAX_LINE = 1000;

const LF = 0x0a;
const CR = 0x0d;

/** The first line of a server that greets. `line` ends in CRLF; `rest` are the bytes behind it. */
export type Greeting =
  | { readonly kind: "preauth"; readonly line: Buffer; readonly rest: Buffer }
  | { readonly kind: "ok" | "bye" | "no"; readonly text: string };

/** What the bytes so far come to. */
export type Finding = Greeting | { readonly kind: "more" } | { readonly kind: "flood" };

/**
 * Holds back what a server says before its greeting: the noise of a shell's start-up files would end the
 * session in every client. Each line of noise is handed to `onNoise`, without its end.
 */
export class GreetingGuard {
  readonly #onNoise: (line: string) => void;
  #pending: Buffer = Buffer.alloc(0);
  #noise = 0;

  constructor(onNoise: (line: string) => void) {
    this.#onNoise = onNoise;
  }

  /** Takes the next bytes of the server. Not to be called again once it found a greeting or a flood. */
  take(chunk: Buffer): Finding {
    const bytes = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    let start = 0;
    for (let end = bytes.indexOf(LF); end >= 0; end = bytes.indexOf(LF, start)) {
      const greeting = greetingIn(bytes, start, end);
      if (greeting !== undefined) return greeting;
      this.#onNoise(textOf(bytes, start, end));
      this.#noise += end + 1 - start;
      start = end + 1;
      if (this.#noise > MAX_NOISE) return { kind: "flood" };
    }
    this.#pending = bytes.subarray(start);
    return this.#noise + this.#pending.length > MAX_NOISE ? { kind: "flood" } : { kind: "more" };
  }

  /** The server has ended: an unfinished line is noise as well. */
  end(): void {
    if (this.#pending.length > 0) this.#onNoise(textOf(this.#pending, 0, this.#pending.length));
    this.#pending = Buffer.alloc(0);
  }
}

function greetingIn(bytes: Buffer, start: number, end: number): Greeting | undefined {
  // latin1 keeps one character a byte, so that the line can be cut by bytes.
  const line = bytes.toString("latin1", start, withoutCR(bytes, start, end));
  const keyword = GREETING.exec(line)?.[1]?.toLowerCase();
  if (keyword === undefined) return undefined;
  if (keyword === "preauth") {
    return {
      kind: "preauth",
      line: Buffer.from(`${shortened(line)}\r\n`, "latin1"),
      rest: bytes.subarray(end + 1),
    };
  }
  if (keyword !== "ok" && keyword !== "bye" && keyword !== "no") return undefined;
  return { kind: keyword, text: textOf(bytes, start, end).slice("* ".length) };
}

/** A long line loses its capabilities (the client asks for them then) and, where that is not enough, its end. */
function shortened(line: string): string {
  if (line.length <= MAX_LINE) return line;
  return line.replace(/^(\* \w+) \[[^\]]*\]/, "$1").slice(0, MAX_LINE);
}

function withoutCR(bytes: Buffer, start: number, end: number): number {
  return end > start && bytes[end - 1] === CR ? end - 1 : end;
}

function textOf(bytes: Buffer, start: number, end: number): string {
  return bytes.toString("utf8", start, withoutCR(bytes, start, end));
}
