import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { basename, join } from "node:path";
import { setImmediate as breath } from "node:timers/promises";

/** A running program. */
export interface Program {
  readonly pid: number;
  /** The file name of its executable or, for a script, of the script. */
  readonly name: string;
}

/** Names under which this program runs: the executable, what npm installs, and the two files for Node. */
const OWN_NAMES = ["preauth", "preauth.js", "preauth.ts"];

/** Executables that say nothing about what they run: their words do. */
const INTERPRETERS = /^(node|nodejs|bun|perl|python|ruby|sh|bash|dash)[0-9.]*$/;

/**
 * The program that has one of these sockets open, by its links in /proc/PID/fd; undefined when that is in no
 * directory that we may read: programs of other users, and a few of our own that have had more rights. Reads without
 * waiting, a process at a time, which takes a quarter of what as many promises would, and lets mail pass in between.
 */
export async function programWith(
  inodes: readonly number[],
  proc: string,
  signal: AbortSignal,
): Promise<Program | undefined> {
  const links = new Set(inodes.filter((inode) => inode !== 0).map((inode) => `socket:[${inode}]`));
  if (links.size === 0) return undefined;
  const pids = list(proc).map(Number).filter(Number.isInteger);
  // Who has the port is rather a program that was started lately.
  for (const pid of pids.sort((one, other) => other - one)) {
    const directory = join(proc, String(pid));
    const descriptors = join(directory, "fd");
    if (list(descriptors).some((name) => links.has(target(join(descriptors, name))))) {
      return { pid, name: programName(target(join(directory, "exe")), wordsOf(directory)) };
    }
    if (signal.aborted) return undefined;
    await breath();
  }
  return undefined;
}

function list(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function target(link: string): string {
  try {
    return readlinkSync(link);
  } catch {
    return "";
  }
}

function wordsOf(directory: string): readonly string[] {
  try {
    return readFileSync(join(directory, "cmdline"), "utf8").split("\0");
  } catch {
    return [];
  }
}

/** Options of interpreters that bring the script itself; no word after them is its name. */
const INLINE = ["-e", "-c", "--eval"];

/** The name of a program, given the link /proc/PID/exe and the words of /proc/PID/cmdline. */
export function programName(executable: string, [first = "", ...words]: readonly string[]): string {
  // An executable that was replaced while it runs, as by an upgrade (proc(5)).
  const file = basename(executable.replace(/ \(deleted\)$/, "")) || basename(first);
  if (!INTERPRETERS.test(file)) return file || "a program without a name";
  const own = words.find((word) => OWN_NAMES.includes(basename(word)));
  const script = words.find((word) => INLINE.includes(word) || /^[^-\s]\S*[./]\S*$|^\/\S+$/.test(word));
  return basename(own ?? (script === undefined || INLINE.includes(script) ? file : script));
}

/** Whether a program is another preauth: what it holds is held as well as we could. */
export function isPreauth({ name }: Program): boolean {
  return OWN_NAMES.includes(name);
}
