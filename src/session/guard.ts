import { KeptBytes } from "./kept_bytes.ts";

/** Bytes without a greeting after which it is not an IMAP server that is talking. */
export const MAX_NOISE = 64 * 1024;

/** Bytes of a greeting line, without its end, that are passed on. Alpine takes 1,023 with it. */
const MAX_LINE = 1000;

/** How a server begins that has its client logged in (RFC 3501 section 7.1.4), and the byte behind that. */
const PREAUTH = /^\* PREAUTH([ [\r\n])/i;
const BEGINNING = "* PREAUTH ".length;

/** The other ways to begin (section 7.1), in a line of their own. CR alone is as good as a line's end on a screen. */
const OTHERWISE = /(?:^|\r)\* ((OK|BYE|NO)(?:[ [].*)?)$/is;

const STAR = 0x2a;
const LF = 0x0a;
const CR = 0x0d;

/** The greeting of a server that greets otherwise than with PREAUTH: "OK Dovecot ready.", or BYE or NO. */
export interface OtherGreeting {
  readonly isOk: boolean;
  readonly text: string;
}

/** A greeting as it is passed on. `line` ends in CRLF; `rest` are the bytes behind it. */
export interface Preauth {
  readonly kind: "preauth";
  readonly line: Buffer;
  readonly rest: Buffer;
}

/** What the bytes so far come to. */
export type Finding = Preauth | { readonly kind: "more" } | { readonly kind: "flood" };

/**
 * Holds back what a server says before its greeting: the noise of a shell's start-up files would end the session in
 * every client. PREAUTH counts wherever it stands, since a terminal's title or a prompt has no newline behind it. Each
 * line of noise is handed to `onNoise`, without its end.
 */
export class GreetingGuard {
  readonly #onNoise: (line: string) => void;
  readonly #kept = new KeptBytes();
  /** Where the next line of noise begins, where PREAUTH is looked for, and where it was found. */
  #line = 0;
  #next = 0;
  #found: number | undefined;
  #otherwise: OtherGreeting | undefined;

  constructor(onNoise: (line: string) => void) {
    this.#onNoise = onNoise;
  }

  /** The last line that is the greeting when no PREAUTH follows: a message of the day may look like one. */
  get otherwise(): OtherGreeting | undefined {
    return this.#found === undefined ? this.#otherwise : undefined;
  }

  /** Takes the next bytes of the server. Not to be called again once it found a greeting or a flood. */
  take(chunk: Buffer): Finding {
    this.#kept.add(chunk);
    const { bytes } = this.#kept;
    this.#found ??= this.#find(bytes);
    const start = this.#found;
    this.#handOn(bytes.subarray(0, start));
    if ((start ?? bytes.length) > MAX_NOISE) return { kind: "flood" };
    if (start === undefined) return { kind: "more" };
    const end = bytes.indexOf(LF, Math.max(start, bytes.length - chunk.length));
    if (end < 0) return { kind: bytes.length > MAX_NOISE ? "flood" : "more" };
    if (this.#line < start) this.#noise(textOf(bytes, this.#line, start));
    this.release();
    // latin1 keeps one character a byte, so that the line can be cut by bytes.
    const line = bytes.toString("latin1", start, withoutCR(bytes, start, end));
    return {
      kind: "preauth",
      line: Buffer.from(`${shortened(line)}\r\n`, "latin1"),
      rest: bytes.subarray(end + 1),
    };
  }

  /** The server has ended, or is waited for no longer: what is left is a line as well. */
  end(): void {
    const { bytes } = this.#kept;
    if (this.#line < bytes.length) this.#noise(textOf(bytes, this.#line, bytes.length));
    this.#line = bytes.length;
  }

  /** A line that looked like a greeting was noise like all the rest. */
  release(): void {
    const { text } = this.#otherwise ?? {};
    this.#otherwise = undefined;
    if (text !== undefined) this.#onNoise(`* ${text}`);
  }

  #find(bytes: Buffer): number | undefined {
    for (;;) {
      const star = bytes.indexOf(STAR, this.#next);
      this.#next = star < 0 ? bytes.length : star;
      if (star < 0 || star + BEGINNING > bytes.length) return undefined;
      const behind = PREAUTH.exec(bytes.toString("latin1", star, star + BEGINNING))?.[1];
      // Without a text behind it, as no server should say it, it is a line of its own.
      const isGreeting =
        behind === " " || behind === "[" || (behind !== undefined && isLineStart(bytes, star));
      if (isGreeting) return star;
      this.#next = star + 1;
    }
  }

  /** Hands on the lines that have ended. */
  #handOn(bytes: Buffer): void {
    for (let end = bytes.indexOf(LF, this.#line); end >= 0; end = bytes.indexOf(LF, this.#line)) {
      this.#noise(textOf(bytes, this.#line, end));
      this.#line = end + 1;
    }
  }

  #noise(line: string): void {
    const [, text, keyword] = OTHERWISE.exec(line) ?? [];
    if (text === undefined || keyword === undefined) {
      this.#onNoise(line);
      return;
    }
    this.release();
    this.#otherwise = { isOk: keyword.toUpperCase() === "OK", text };
  }
}

/** A long line loses its capabilities (the client asks for them then) and, where that is not enough, its end. */
export function shortened(line: string): string {
  if (line.length <= MAX_LINE) return line;
  return line.replace(/^(\* \w+) ?\[[^\]]*\] ?/, "$1 ").slice(0, MAX_LINE);
}

function isLineStart(bytes: Buffer, at: number): boolean {
  return at === 0 || bytes[at - 1] === LF || bytes[at - 1] === CR;
}

function withoutCR(bytes: Buffer, start: number, end: number): number {
  let last = end;
  while (last > start && bytes[last - 1] === CR) last--;
  return last;
}

function textOf(bytes: Buffer, start: number, end: number): string {
  return bytes.toString("utf8", start, withoutCR(bytes, start, end));
}
