// Neither Node nor Bun can switch off the echo alone: their raw mode takes away the line editing and the signals of
// the terminal as well, with whatever keys its user has set for them. stty(1) of POSIX can.

/**
 * The echo of the terminal that standard input is, while it is off. However the program ends, but for SIGKILL, and
 * while Ctrl-Z has stopped it, the terminal is as it was.
 */
export class EchoOff {
  readonly #saved: string;
  readonly #onResume: () => void;

  /**
   * Switches it off; only the end of a line is still shown. `onResume` is called when the program goes on after
   * Ctrl-Z. Throws when it cannot be done: what is secret must not be typed then.
   */
  constructor(onResume: () => void) {
    this.#onResume = onResume;
    this.#saved = stty(["-g"]).trim();
    process.on("exit", this.#restore);
    for (const signal of YIELDS) process.on(signal, this.#yieldTo);
    try {
      hide();
    } catch (error) {
      this.end();
      throw error;
    }
  }

  /** Gives the terminal back as it was. */
  end(): void {
    process.off("exit", this.#restore);
    for (const signal of YIELDS) process.off(signal, this.#yieldTo);
    this.#restore();
  }

  readonly #restore = (): void => {
    try {
      stty([this.#saved]);
    } catch {
      // The terminal has gone away.
    }
  };

  /** Lets a signal do what it does by itself. */
  readonly #yieldTo = (signal: NodeJS.Signals): void => {
    this.#restore();
    process.off(signal, this.#yieldTo);
    process.kill(process.pid, signal);
    // It was stopped and goes on, or could not be stopped: nobody would wake it (setpgid(2), orphaned group).
    process.on(signal, this.#yieldTo);
    hide();
    this.#onResume();
  };
}

/** Signals from the keyboard that nobody else listens to: they end or stop the program. */
const YIELDS = ["SIGQUIT", "SIGTSTP"] as const;

function hide(): void {
  stty(["-echo", "echonl"]);
}

/** How often stty is started: a Ctrl-C that is meant for us ends it too. */
const ATTEMPTS = 3;

/** What stty says about the terminal at standard input. */
function stty(words: readonly string[]): string {
  const { spawnSync } = process.getBuiltinModule("node:child_process");
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const { status, stdout } = spawnSync("stty", words, { stdio: [0, "pipe", "ignore"], encoding: "utf8" });
    if (status === 0) return stdout;
  }
  throw new Error("stty has failed");
}
