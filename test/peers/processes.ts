import { readdirSync, readFileSync } from "node:fs";
import { poll } from "./waiting.ts";

/** One process, as /proc/PID/stat has it. */
interface Row {
  readonly pid: number;
  readonly parent: number;
  readonly state: string;
}

function row(pid: number): Row | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The name stands in parentheses and may hold anything; state and parent follow it (proc(5)).
    const [state = "", parent = ""] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return { pid, parent: Number(parent), state };
  } catch {
    return undefined;
  }
}

function rows(): Row[] {
  const numbers = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return numbers.map((name) => row(Number(name))).filter((found) => found !== undefined);
}

/** The process runs: it exists and is not a zombie. */
export function isAlive(pid: number): boolean {
  const found = row(pid);
  return found !== undefined && found.state !== "Z";
}

/** Living children of a process. */
export function childrenOf(pid: number): number[] {
  return rows()
    .filter((found) => found.parent === pid && found.state !== "Z")
    .map((found) => found.pid);
}

/** Living children, their children, and so on. */
export function descendantsOf(pid: number): number[] {
  return childrenOf(pid).flatMap((child) => [child, ...descendantsOf(child)]);
}

/** Living processes that were started with `marker` ("NAME=value") in their environment. */
export function processesMarked(marker: string): number[] {
  return rows()
    .filter((found) => found.state !== "Z" && environment(found.pid).includes(marker))
    .map((found) => found.pid);
}

function environment(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, "latin1").split("\0");
  } catch {
    return [];
  }
}

/** The words a process was started with. */
export function wordsOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "latin1").split("\0").slice(0, -1);
  } catch {
    return [];
  }
}

/** Sends a signal; a process that is gone already is no trouble. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** Waits until a process is gone. */
export async function gone(pid: number, limit?: number): Promise<void> {
  await poll(
    () => !isAlive(pid),
    `the end of process ${pid}`,
    () => wordsOf(pid).join(" "),
    limit,
  );
}
