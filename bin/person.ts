import fs from "node:fs";
import { Failure } from "../src/failure.ts";
import type { Person } from "../src/person.ts";
import { escapeControls } from "../src/report/printable.ts";
import { isTerminal, write } from "./descriptors.ts";
import { EchoOff } from "./echo.ts";

/** Whoever sits at the terminal that standard input is; undefined where it is none. */
export function personAtTerminal(): Person | undefined {
  const screen = isTerminal(0) ? openScreen() : undefined;
  return screen === undefined ? undefined : new PersonAtTerminal(screen);
}

/**
 * A descriptor for what a person is shown: the controlling terminal, as with ssh(1) (readpassphrase(3)), since
 * standard output and standard error may lead into files. Without one, standard error where it is a terminal.
 */
function openScreen(): number | undefined {
  try {
    return fs.openSync("/dev/tty", fs.constants.O_WRONLY | fs.constants.O_NOCTTY);
  } catch {
    return isTerminal(2) ? 2 : undefined;
  }
}

/** Reads lines that the terminal itself lets the person edit. */
class PersonAtTerminal implements Person {
  readonly #screen: number;
  /** What was read beyond the last answer. */
  #typed: Buffer = Buffer.alloc(0);
  #isOver = false;

  constructor(screen: number) {
    this.#screen = screen;
  }

  tell(lines: readonly string[]): void {
    write(this.#screen, lines.map((line) => `${escapeControls(line)}\n`).join(""));
  }

  async ask(
    question: string,
    { echo, signal }: { readonly echo: boolean; readonly signal: AbortSignal },
  ): Promise<string> {
    signal.throwIfAborted();
    const show = (): void => void write(this.#screen, escapeControls(question));
    const hidden = echo ? undefined : new EchoOff(show);
    try {
      show();
      return await this.#answer(signal);
    } catch (error) {
      // What is said next begins on a line of its own.
      write(this.#screen, "\n");
      throw error;
    } finally {
      hidden?.end();
    }
  }

  /** The next line. Rejects with the signal's reason, and at the end of input. */
  async #answer(signal: AbortSignal): Promise<string> {
    for (;;) {
      const end = this.#typed.indexOf("\n");
      if (end >= 0) {
        const line = this.#typed.toString("utf8", 0, end);
        this.#typed = this.#typed.subarray(end + 1);
        return line;
      }
      if (this.#isOver) throw new Failure("gone", "the terminal", "end of input instead of an answer");
      await this.#read(signal);
    }
  }

  /** Reads what the terminal hands over, which is a line as a rule, or finds its end. */
  #read(signal: AbortSignal): Promise<void> {
    const { stdin } = process;
    return new Promise<void>((resolve, reject) => {
      const take = (chunk: Buffer): void => {
        this.#typed = Buffer.concat([this.#typed, chunk]);
        settle(resolve);
      };
      // An error is that of a terminal which has gone away (EIO).
      const finish = (): void => {
        this.#isOver = true;
        settle(resolve);
      };
      const abort = (): void => settle(() => reject(signal.reason));
      const settle = (how: () => void): void => {
        stdin.pause();
        stdin.off("data", take).off("end", finish).off("error", finish);
        signal.removeEventListener("abort", abort);
        how();
      };
      signal.addEventListener("abort", abort);
      stdin.on("data", take).on("end", finish).on("error", finish);
      stdin.resume();
    });
  }
}
