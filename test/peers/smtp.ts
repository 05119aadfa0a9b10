import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { type ListenOptions, listen } from "./tcp.ts";
import { poll } from "./waiting.ts";

/** A message as an SMTP server takes it. */
export interface Letter {
  /** The address of MAIL FROM, without the brackets. */
  readonly from: string;
  /** The addresses of RCPT TO. */
  readonly to: readonly string[];
  /** Header and body, lines ended by LF, stuffed dots taken out. */
  readonly text: string;
}

/** An SMTP server on a loopback port that takes every message and keeps it. */
export interface SmtpServer extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  /** Connections accepted so far. */
  readonly connections: number;
  /** Waits for the n-th message and gives it. */
  letter(n?: number): Promise<Letter>;
}

/** Starts an SMTP server. */
export async function startSmtp(options?: ListenOptions): Promise<SmtpServer> {
  const letters: Letter[] = [];
  const listener = await listen((socket) => {
    serveSmtp(socket, socket, (letter) => letters.push(letter));
  }, options);
  return {
    host: listener.host,
    port: listener.port,
    get connections() {
      return listener.connections;
    },
    letter: (n = 1) =>
      poll(
        () => letters[n - 1],
        `letter ${n}`,
        () => JSON.stringify(letters),
      ),
    [Symbol.asyncDispose]: () => listener[Symbol.asyncDispose](),
  };
}

/**
 * The server's side of one SMTP dialogue (RFC 5321): every sender and recipient is welcome. STARTTLS is offered
 * and TLS never spoken, for clients that are told not to use it.
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
        return "250-mail.test\r\n250 STARTTLS";
      case "HELO":
        return "250 mail.test";
      case "STAR":
        return "220 go on";
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
