import { readFileSync } from "node:fs";

/** The most memory that a process has had resident so far, in MiB (proc(5): VmHWM); undefined when it is gone. */
function peakOf(pid: number): number | undefined {
  try {
    const [, kib] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
    return kib === undefined ? undefined : Number(kib) / 1024;
  } catch {
    return undefined;
  }
}

/** Watches a process until `ended`, and gives the most memory that was seen, in MiB. */
export async function watchMemory(pid: number, ended: Promise<unknown>): Promise<number> {
  let peak = peakOf(pid) ?? 0;
  const timer = setInterval(() => {
    peak = Math.max(peak, peakOf(pid) ?? 0);
  }, 20);
  try {
    await ended;
    return peak;
  } finally {
    clearInterval(timer);
  }
}
