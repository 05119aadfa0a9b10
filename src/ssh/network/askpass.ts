import {
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { ownUid } from "../../own_process.ts";
import type { Person } from "../../person.ts";
import { escapeControls } from "../../report/printable.ts";
import { dangerOn } from "../../safe_way.ts";

/** Milliseconds between two looks for a question: people do not notice. */
const LOOK_MS = 50;

/**
 * What ssh(1) runs to ask (SSH_ASKPASS): it leaves the question in a file beside it, and hands on what comes through a
 * FIFO, so that no answer is ever in a file.
 */
const SCRIPT = `#!/bin/sh
d=\${0%/*}
mkfifo -m 600 "$d/answer.$$" || exit 1
printf '%s' "$1" >"$d/draft.$$" && mv "$d/draft.$$" "$d/question.$$" || exit 1
cat "$d/answer.$$"
`;

/** Who is asked, and until when. */
export interface AskpassOptions {
  readonly person: Person;
  readonly signal: AbortSignal;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Has every ssh of a ProxyCommand ask the person, also about the hosts on the way. Call close() once nobody asks any more. */
export class Askpass {
  /** What goes into the environment of the command. */
  readonly env: Readonly<Record<string, string>>;
  readonly #folder: string;
  readonly #options: AskpassOptions;
  readonly #over = new AbortController();
  readonly #timer: NodeJS.Timeout;

  /** Throws where nothing can be written. */
  constructor(options: AskpassOptions) {
    this.#options = options;
    // mkdtemp(3) makes it 0700.
    this.#folder = mkdtempSync(join(placeFor(options.env), "preauth-ask-"));
    const script = join(this.#folder, "ask");
    writeFileSync(script, SCRIPT, { mode: 0o700 });
    // Versions of ssh before 8.4 know no SSH_ASKPASS_REQUIRE, and want a display.
    this.env = { SSH_ASKPASS: script, SSH_ASKPASS_REQUIRE: "force", DISPLAY: options.env.DISPLAY || ":" };
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#over.abort(new Error("the question was withdrawn"));
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #look(): void {
    const name = readdirSync(this.#folder).find((one) => one.startsWith("question."));
    if (name === undefined) return;
    const file = join(this.#folder, name);
    const question = readFileSync(file, "utf8");
    unlinkSync(file);
    const answer = join(this.#folder, name.replace("question", "answer"));
    const { person } = this.#options;
    person.ask(escapeControls(question), { echo: false, signal: this.#over.signal }).then(
      (text) => this.#hand(answer, `${text}\n`),
      // Whoever has gone ends the login by that; no answer ends the question.
      () => this.#hand(answer, ""),
    );
  }

  /** Without a reader there is nobody to hand it to, or not yet. */
  #hand(fifo: string, text: string): void {
    if (this.#over.signal.aborted) return;
    try {
      const fd = openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK);
      writeSync(fd, text);
      closeSync(fd);
    } catch {
      setTimeout(() => this.#hand(fifo, text), LOOK_MS).unref();
    }
  }
}

/** The first directory in which nobody else can put another folder, with a program of theirs, in the place of ours. */
function placeFor({ XDG_RUNTIME_DIR, TMPDIR }: AskpassOptions["env"]): string {
  const uid = ownUid();
  const isSafe = (path: string): boolean => uid === undefined || dangerOn(path, uid) === undefined;
  return [XDG_RUNTIME_DIR, TMPDIR].find((path) => path?.startsWith("/") && isSafe(path)) ?? "/tmp";
}
