import type { Failure } from "../failure.ts";
import type { End } from "./exit.ts";
import { MAX_NOISE } from "./guard.ts";
import { KeptBytes } from "./kept_bytes.ts";
import { type Called, endedWithoutGreeting, flooded } from "./no_greeting.ts";
import { Remarks } from "./remarks.ts";

/** What a terminal shows nothing of: titles and other texts for it, colours, character sets, single controls, a BOM. */
const UNSEEN =
  /\x1b[\]P_^X][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b\[[0-?]*[ -/]*[@-~]|\x1b[ -/]+[0-~]|\x1b[0-OQ-WYZ\\`-~]|[\0-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f]|\xef\xbb\xbf/;

/**
 * A server greets with a line that begins with three digits (RFC 5321 section 4.2). On a terminal a line begins behind CR
 * alone, too, and behind what cannot be seen.
 */
const GREETING = new RegExp(`^((?:.*\\r)?(?:${UNSEEN.source})*)\\d{3}(?!\\d)`, "s");

/**
 * Behind a text without an end of line, such as a prompt, the number has to be one that a server greets with (RFC 5321
 * section 4.3.2), and SMTP has to be named, as greetings do: a message of the day may have a number in it.
 */
const BEHIND = /^(.*\D)(?:220|421|554)[ -](?=.*SMTP)/is;

/** How much of a line is looked at, in bytes: of one without an end no more than that at each packet. */
const LOOKED_AT = 1024;

const NOTHING = Buffer.alloc(0);
const LF = 0x0a;

/** Holds back what a shell's start-up files print before an SMTP server greets; each line of it is a remark. */
export class SmtpGuard {
  readonly #called: Called;
  readonly #remarks: Remarks;
  readonly #onFlood: () => void;
  #kept = new KeptBytes();
  /** Where the line begins that is looked at. */
  #line = 0;
  #state: "waiting" | "greeted" | "flooded" = "waiting";

  /** `onFlood` is called when there has been too much. */
  constructor(called: Called, onRemark: (line: string) => void, onFlood: () => void) {
    this.#called = called;
    this.#remarks = new Remarks(onRemark);
    this.#onFlood = onFlood;
  }

  /** Takes the next bytes of the server, and gives those that are the client's. */
  take(chunk: Buffer): Buffer {
    if (this.#state === "greeted") return chunk;
    if (this.#state === "flooded") return NOTHING;
    this.#kept.add(chunk);
    const { bytes } = this.#kept;
    let searched = Math.max(this.#line, bytes.length - chunk.length);
    for (let end = bytes.indexOf(LF, searched); end >= 0; end = bytes.indexOf(LF, searched)) {
      const at = this.#greetingAt(bytes, end);
      if (at !== undefined) return this.#greet(bytes, at);
      this.#remarks.add(bytes.toString("utf8", this.#line, end).replace(/\r+$/, ""));
      searched = end + 1;
      this.#line = searched;
    }
    const at = bytes.length > this.#line + 3 ? this.#greetingAt(bytes, bytes.length) : undefined;
    if (at !== undefined) return this.#greet(bytes, at);
    if (bytes.length > MAX_NOISE) this.#flood();
    return NOTHING;
  }

  /** The server says no more: gives what is still the client's. */
  end(): Buffer {
    if (this.#state !== "waiting") return NOTHING;
    const { bytes } = this.#kept;
    const at = this.#greetingAt(bytes, bytes.length);
    if (at !== undefined) return this.#greet(bytes, at);
    this.#remarks.add(bytes.toString("utf8", this.#line));
    this.#line = bytes.length;
    return NOTHING;
  }

  /** Why there was no greeting; undefined where there was one. `lastRemark`: what the server said on standard error. */
  failure(end: End, lastRemark = ""): Failure | undefined {
    if (this.#state === "greeted" || end.kind === "left") return undefined;
    const said = lastRemark === "" ? this.#remarks : { last: lastRemark, telling: lastRemark };
    return this.#state === "flooded"
      ? flooded(this.#called, said)
      : endedWithoutGreeting(end, this.#called, said);
  }

  #flood(): void {
    // A line that was cut by chance tells less than the one before it.
    if (this.#line === 0) this.end();
    this.#state = "flooded";
    this.#kept = new KeptBytes();
    this.#onFlood();
  }

  /** Where the greeting begins in the line up to `end`. */
  #greetingAt(bytes: Buffer, end: number): number | undefined {
    const start = this.#line;
    const text = bytes.toString("latin1", start, Math.min(end, start + LOOKED_AT));
    const found = GREETING.exec(text) ?? BEHIND.exec(text);
    return found === null ? undefined : start + (found[1] ?? "").length;
  }

  #greet(bytes: Buffer, at: number): Buffer {
    this.#state = "greeted";
    this.#kept = new KeptBytes();
    if (at > this.#line) this.#remarks.add(bytes.toString("utf8", this.#line, at));
    return bytes.subarray(at);
  }
}
