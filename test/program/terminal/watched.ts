import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Home } from "../../peers/home.ts";
import { openTerminal, type Terminal } from "../../peers/terminal.ts";

/** The settings of a terminal, as stty -g gives them, before and after a program ran in it. */
export interface Settings {
  readonly before: string;
  readonly after: string;
}

/** A program in a terminal whose settings are noted before and after it. */
export interface Watched extends Terminal {
  /** Both settings, once the program has ended. */
  settings(): Settings;
  /** The program's pid, from when it has shown something. */
  pid(): number;
}

/** Notes the settings of its terminal in two files around a program, whose status it keeps, and the program's pid. */
const WATCH =
  'trap : INT QUIT; stty -g >"$0.before"; sh -c \'echo $$ >"$0.pid"; exec "$@"\' "$0" "$@"; s=$?; stty -g >"$0.after"; exit $s';

/** Runs a program, given as words, in a terminal of its own. */
export async function openWatched(
  words: readonly string[],
  home: Home,
  env: Readonly<Record<string, string>> = home.env,
): Promise<Watched> {
  const notes = join(home.path, "settings");
  const terminal = await openTerminal(["/bin/sh", "-c", WATCH, notes, ...words], { env });
  const settings = () => ({
    before: readFileSync(`${notes}.before`, "utf8"),
    after: readFileSync(`${notes}.after`, "utf8"),
  });
  return { ...terminal, settings, pid: () => Number(readFileSync(`${notes}.pid`, "utf8")) };
}
