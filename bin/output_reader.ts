import { constants, fstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";

// A pipe does not tell its writer that nobody reads it any more until there is something to write: neither Node nor Bun
// can ask poll(2), and an open for writing fails with ENXIO on a FIFO but not on a pipe. Linux shows in /proc who has it.

/** A process and its descriptor. */
interface Holder {
  readonly pid: string;
  readonly descriptor: string;
}

/** The first that was found; undefined before the first look, and "nobody" where /proc does not show one. */
let holder: Holder | "nobody" | undefined;

/**
 * Whether everybody who read our output has gone, as far as can be seen: false where the reader is not in /proc
 * (another user's, another system, a socket). The first call, while the reader is there, finds out who it is.
 */
export function readerIsGone(): boolean {
  const pipe = linkOf("self", "1");
  if (holder === undefined) holder = (fstatSync(1).isFIFO() ? find(pipe) : undefined) ?? "nobody";
  if (holder === "nobody" || isReader(holder, pipe)) return false;
  const next = find(pipe);
  if (next !== undefined) holder = next;
  return next === undefined;
}

function find(pipe: string): Holder | undefined {
  const pids = list("/proc").filter((name) => /^\d+$/.test(name) && name !== String(process.pid));
  for (const pid of pids) {
    for (const descriptor of list(`/proc/${pid}/fd`)) {
      if (isReader({ pid, descriptor }, pipe)) return { pid, descriptor };
    }
  }
  return undefined;
}

function isReader({ pid, descriptor }: Holder, pipe: string): boolean {
  if (pipe === "" || linkOf(pid, descriptor) !== pipe) return false;
  try {
    const [, flags = "1"] =
      /^flags:\s+([0-7]+)$/m.exec(readFileSync(`/proc/${pid}/fdinfo/${descriptor}`, "latin1")) ?? [];
    return (Number.parseInt(flags, 8) & 3) !== constants.O_WRONLY;
  } catch {
    return false;
  }
}

function linkOf(pid: string, descriptor: string): string {
  try {
    return readlinkSync(`/proc/${pid}/fd/${descriptor}`);
  } catch {
    return "";
  }
}

function list(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
