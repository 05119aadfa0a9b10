import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { quoted } from "./shell_word.ts";

/** A line for the shell that makes a file, in a directory that need not be there yet. */
export function intoFolder(file: string, line: string): string {
  const folder = dirname(file);
  return folder === "." || existsSync(folder) ? line : `mkdir -p -m 700 ${quoted(folder)} && ${line}`;
}
