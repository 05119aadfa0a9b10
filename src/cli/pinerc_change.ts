import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

/** Lines of a .pinerc, by the names of their settings. */
export type PinercLines = Readonly<Record<string, string>>;

/**
 * The text of a .pinerc with these settings: each in the place of the last line that has it (of two Alpine takes the later
 * one), or at the end. Everything else stays to the byte.
 */
export function withSettings(text: string, settings: PinercLines): string {
  const eol = text.includes("\r\n") ? "\r\n" : "\n";
  const lines = text.split(/(?<=\n)/);
  for (const [name, value] of Object.entries(settings)) {
    const isIt = (line: string): boolean => new RegExp(`^${name}[ \\t]*=`, "i").test(line);
    const index = lines.findLastIndex(isIt);
    const line = `${name}=${value}${eol}`;
    if (index >= 0) {
      lines[index] = line;
      continue;
    }
    const last = lines.at(-1) ?? "";
    if (last !== "" && !last.endsWith("\n")) lines[lines.length - 1] = last + eol;
    lines.push(line);
  }
  return lines.join("");
}

/**
 * Whether an Alpine of this user runs, which would write its own settings over what is written now. Undefined where this
 * system does not tell (it has no /proc).
 */
export function isAlpineRunning(uid: number): boolean | undefined {
  try {
    const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
    if (pids.length === 0) return undefined;
    return pids.some((pid) => isAlpine(join("/proc", pid), uid));
  } catch {
    return undefined;
  }
}

function isAlpine(folder: string, uid: number): boolean {
  try {
    return (
      statSync(folder).uid === uid &&
      /^(alpine|pine)$/.test(readFileSync(join(folder, "comm"), "utf8").trim())
    );
  } catch {
    return false;
  }
}
