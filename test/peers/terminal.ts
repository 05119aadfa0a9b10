import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { descendantsOf, isAlive, signal } from "./processes.ts";
import { program } from "./programs.ts";
import { makeTemporary, removeTemporary } from "./temporary.ts";
import { poll } from "./waiting.ts";

export interface TerminalOptions {
  /** The whole environment but TERM: `home.env`. */
  readonly env: Readonly<Record<string, string>>;
  readonly columns?: number;
  readonly rows?: number;
}

/** A program in a terminal of its own, 80 by 24 unless told. */
export interface Terminal extends AsyncDisposable {
  /** Types keys, named as tmux send-keys does: "Enter", "C-c", "q". */
  keys(...names: string[]): void;
  /** Types text as it is. */
  type(text: string): void;
  /** What stands on the screen now, line by line. */
  screen(): string;
  /** The same as it was written: a line that the terminal itself has broken is one. */
  written(): string;
  /** Waits until the screen matches; `what` says what the test waits for. */
  waitFor(pattern: RegExp, what: string, limit?: number): Promise<string>;
  /** Waits until the program has ended; the screen stays to be read. Gives its exit status. */
  ended(limit?: number): Promise<number>;
}

/*
 * Tells the status in a file and holds the terminal open, so that the last screen stays to be read. tmux's own
 * remain-on-exit missed the end of strace in about every second run (tmux 3.3a). Ctrl-C and Ctrl-\ are for
 * the program.
 */
const HOLD = 'trap : INT QUIT; "$@"; echo $? >"$0.new"; mv "$0.new" "$0"; exec tail -f /dev/null';

/** Runs a program, given as words, in a tmux of its own (own socket, no configuration). */
export async function openTerminal(words: readonly string[], options: TerminalOptions): Promise<Terminal> {
  const folder = makeTemporary();
  const statusFile = join(folder, "status");
  const tmux = (...args: string[]) =>
    execFileSync(program("tmux"), ["-S", join(folder, "s"), "-f", "/dev/null", ...args], {
      env: { ...options.env, LANG: "C.UTF-8" },
      encoding: "utf8",
    });
  const size = ["-x", String(options.columns ?? 80), "-y", String(options.rows ?? 24)];
  const command = ["sh", "-c", HOLD, statusFile, ...words];
  tmux("set-option", "-g", "default-terminal", "screen", ";", "new-session", "-d", ...size, ...command);
  const server = Number(tmux("display-message", "-p", "#{pid}"));

  const screen = () => tmux("capture-pane", "-p");
  const evidence = () => `the screen:\n${screen()}`;
  return {
    screen,
    written: () => tmux("capture-pane", "-p", "-J").replace(/ +$/gm, ""),
    keys: (...names) => void tmux("send-keys", ...names),
    type: (text) => void tmux("send-keys", "-l", text),
    waitFor: (pattern, what, limit) => {
      const look = () => [screen()].find((shown) => pattern.test(shown));
      return poll(look, `${what} (${pattern})`, evidence, limit);
    },
    ended: async (limit) => {
      await poll(() => existsSync(statusFile), `the end of ${words[0]}`, evidence, limit);
      return Number(readFileSync(statusFile, "utf8"));
    },
    [Symbol.asyncDispose]: async () => {
      const started = descendantsOf(server);
      tmux("kill-server");
      await poll(() => !isAlive(server), "the end of tmux");
      for (const left of started) if (isAlive(left)) signal(left, "SIGKILL");
      removeTemporary(folder);
    },
  };
}
