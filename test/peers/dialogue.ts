import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import type { Letter } from "./smtp.ts";

/**
 * The server's side of one SMTP dialogue (RFC 5321) on a pair of streams, which aiosmtpd cannot do: every sender
 * and recipient is welcome.
 */
export function serveSmtp(input: Readable, output: Writable, keep: (letter: Letter) => void): void {
  const session = new Session(keep);
  const say = (line: string) => output.write(`${line}\r\n`);
  say("220 mail.test ESMTP");
  const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
  lines.on("line", (line) => {
    const answer = session.take(line);
    if (answer !== undefined) say(answer);
    if (answer?.startsWith("221") === true) lines.close();
  });
  lines.on("close", () => output.end());
  // A client that goes without a word, as one that only asks whether anybody is there: readline repeats its input's.
  lines.on("error", () => {});
}

class Session {
  readonly #keep: (letter: Letter) => void;
  #from: string | undefined;
  #to: string[] = [];
  #data: string[] | undefined;

  constructor(keep: (letter: Letter) => void) {
    this.#keep = keep;
  }

  /** What is said to a line; nothing within a message. */
  take(line: string): string | undefined {
    return this.#data === undefined ? this.#command(line) : this.#content(line, this.#data);
  }

  #command(line: string): string {
    const address = /<([^>]*)>/.exec(line)?.[1] ?? "";
    switch (line.slice(0, 4).toUpperCase()) {
      case "EHLO":
      case "HELO":
        return "250 mail.test";
      case "MAIL":
        this.#from = address;
        return "250 sender";
      case "RCPT":
        if (this.#from === undefined) return "503 no sender";
        this.#to.push(address);
        return "250 recipient";
      case "DATA":
        if (this.#to.length === 0) return "503 no recipient";
        this.#data = [];
        return "354 go on";
      case "RSET":
        this.#clear();
        return "250 forgotten";
      case "NOOP":
        return "250 here";
      case "QUIT":
        return "221 goodbye";
      default:
        return "500 not here";
    }
  }

  #content(line: string, data: string[]): string | undefined {
    if (line !== ".") {
      data.push(line.startsWith(".") ? line.slice(1) : line);
      return undefined;
    }
    this.#keep({ from: this.#from ?? "", to: this.#to, text: `${data.join("\n")}\n` });
    this.#clear();
    return "250 kept";
  }

  #clear(): void {
    this.#from = undefined;
    this.#to = [];
    this.#data = undefined;
  }
}
