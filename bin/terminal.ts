import { constants, openSync } from "node:fs";
import { onAbort } from "../src/abort.ts";
import type { Terminal } from "../src/world.ts";
import { isTerminal, write } from "./descriptors.ts";
import { EchoOff } from "./echo.ts";

/** The terminal that standard input is; undefined where it is none. */
export function terminal(): Terminal | undefined {
  const screen = isTerminal(0) ? openScreen() : undefined;
  return screen === undefined ? undefined : new OwnTerminal(screen);
}

/**
 * A descriptor for what a person is shown: the controlling terminal, as with ssh(1) (readpassphrase(3)), since
 * standard output and standard error may lead into files. Without one, standard error where it is a terminal.
 */
function openScreen(): number | undefined {
  try {
    return openSync("/dev/tty", constants.O_WRONLY | constants.O_NOCTTY);
  } catch {
    return isTerminal(2) ? 2 : undefined;
  }
}

/** Reads lines that the terminal itself lets the person edit. */
class OwnTerminal implements Terminal {
  readonly #screen: number;
  /** What was read beyond the last line. */
  #typed: Buffer = Buffer.alloc(0);
  #isOver = false;

  constructor(screen: number) {
    this.#screen = screen;
  }

  write(text: string): void {
    write(this.#screen, text);
  }

  hide(onResume: () => void): (() => void) | undefined {
    try {
      const echo = new EchoOff(onResume);
      return () => echo.end();
    } catch {
      return undefined;
    }
  }

  async readLine(signal: AbortSignal): Promise<string | undefined> {
    signal.throwIfAborted();
    for (;;) {
      const end = this.#typed.indexOf("\n");
      if (end >= 0) {
        const line = this.#typed.toString("utf8", 0, end);
        this.#typed = this.#typed.subarray(end + 1);
        return line;
      }
      if (this.#isOver) return undefined;
      await this.#read(signal);
    }
  }

  /** Reads what the terminal hands over, which is a line as a rule, or finds its end. */
  #read(signal: AbortSignal): Promise<void> {
    const { stdin } = process;
    return new Promise<void>((resolve, reject) => {
      let deafen = (): void => {};
      const take = (chunk: Buffer): void => {
        this.#typed = Buffer.concat([this.#typed, chunk]);
        settle(resolve);
      };
      // An error is that of a terminal which has gone away (EIO).
      const finish = (): void => {
        this.#isOver = true;
        settle(resolve);
      };
      const settle = (how: () => void): void => {
        stdin.pause();
        stdin.off("data", take).off("end", finish).off("error", finish);
        deafen();
        how();
      };
      deafen = onAbort(signal, () => settle(() => reject(signal.reason)));
      stdin.on("data", take).on("end", finish).on("error", finish);
      stdin.resume();
    });
  }
}
