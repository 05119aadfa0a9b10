import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Home } from "./home.ts";
import { program } from "./programs.ts";
import { openTerminal, type Terminal } from "./terminal.ts";

/** The lines of a ~/.pinerc that matter here. */
export interface Pinerc {
  /** Absolute, executable, without a space, or Alpine ignores it without a word. */
  readonly rshPath: string;
  /** Default: Alpine's own, which makes `HOST -l USER exec /etc/rimapd` of it. */
  readonly rshCommand?: string;
  /** `{mail.test/user=jane}INBOX`. */
  readonly inbox: string;
  /** `Archive {mail.test/user=jane}[]`: where the other folders are. */
  readonly folders?: string;
  /** Seconds; default: Alpine's own, 15. */
  readonly rshTimeout?: number;
  /** More lines: `smtp-server=localhost:2025/notls`. */
  readonly more?: readonly string[];
}

/** The form of rsh-command in which SERVER, USER and METHOD come as three words. */
export const THREE_WORDS = "%s %s %s %s";

/** The text of a pinerc; Alpine asks nothing with it, neither at its first start nor at its end. */
function pinerc(lines: Pinerc): string {
  return [
    "personal-name=Jane Example",
    "user-domain=mail.test",
    `inbox-path=${lines.inbox}`,
    ...(lines.folders === undefined ? [] : [`folder-collections=${lines.folders}`]),
    `rsh-path=${lines.rshPath}`,
    ...(lines.rshCommand === undefined ? [] : [`rsh-command=${lines.rshCommand}`]),
    ...(lines.rshTimeout === undefined ? [] : [`rsh-open-timeout=${lines.rshTimeout}`]),
    "feature-list=quit-without-confirm,expunge-without-confirm,no-enable-mouse-in-xterm",
    "initial-keystroke-list=",
    "last-version-used=9.99",
    ...(lines.more ?? []),
    "",
  ].join("\n");
}

/** Writes a ~/.pinerc and gives the words that start Alpine on it, in the list of messages of INBOX. */
export function alpineWords(home: Home, lines: Pinerc): string[] {
  const file = home.write(".pinerc", pinerc(lines));
  // Without it Alpine makes one and says so for some seconds.
  mkdirSync(join(home.path, "mail"));
  // -P: no configuration of the machine's.
  return [program("alpine"), "-p", file, "-P", "/dev/null", "-i"];
}

/** What may differ in how Alpine is started. */
export interface AlpineOptions {
  /** Words in front of it, such as strace's. */
  readonly under?: readonly string[];
  readonly columns?: number;
}

/** Real Alpine in a terminal, on its way to the list of messages of INBOX. */
export async function openAlpine(home: Home, lines: Pinerc, options: AlpineOptions = {}): Promise<Terminal> {
  const words = [...(options.under ?? []), ...alpineWords(home, lines)];
  return await openTerminal(words, { env: home.env, columns: options.columns ?? 80 });
}

/** The program for rsh-path, which must be one word without a space: the executable, or a script for both. */
export function rshPath(home: Home, argv: readonly string[]): string {
  const [only, ...more] = argv;
  if (only !== undefined && more.length === 0) return home.link("preauth", only);
  const quoted = argv.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");
  return home.write("preauth", `#!/bin/sh\nexec ${quoted} "$@"\n`, 0o755);
}
