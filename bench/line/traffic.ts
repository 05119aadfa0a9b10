import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { childrenOf, descendantsOf, signal, wordsOf } from "../../test/peers/processes.ts";
import { poll } from "../../test/peers/waiting.ts";
import { ended, spawned } from "../child.ts";
import type { Start } from "../contender.ts";
import type { Way } from "../transfer.ts";

/** A transfer counts as under way after so many bytes. */
const FLOWING = 20_000;

/** Milliseconds until then at most. */
const PATIENCE = 30_000;

/** A transfer without end. */
export interface Traffic extends AsyncDisposable {
  /** Bytes that have arrived so far. */
  arrived(): number;
}

/** Starts one, and waits for its first bytes. `server`: pid of the sshd. */
export async function startTraffic({ argv, env }: Start, way: Way, server: number): Promise<Traffic> {
  // Each end is a process whose bytes the kernel counts; the standard input of a download stays open.
  const line =
    way === "download" ? '"$@" | cat >/dev/null' : 'dd if=/dev/zero bs=64k 2>/dev/null | "$@" >/dev/null';
  const before = new Set(readersOf(server));
  const child = spawn("/bin/sh", ["-c", line, "sh", ...argv], {
    ...{ env, stdio: ["pipe", "ignore", "ignore"], detached: true },
  });
  const pid = await spawned(child);
  const dispose = async (): Promise<void> => {
    signal(-pid, "SIGKILL");
    await ended(child);
  };
  try {
    const find = (): number | undefined => {
      const readers = way === "download" ? childrenOf(pid).filter(isCat) : readersOf(server);
      return readers.find((one) => !before.has(one));
    };
    const reader = await poll(find, "the end of the transfer", undefined, PATIENCE);
    await poll(() => readBy(reader) > FLOWING, `the first bytes of the ${way}`, undefined, PATIENCE);
    return { arrived: () => readBy(reader), [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

function readersOf(server: number): number[] {
  return descendantsOf(server).filter(isCat);
}

function isCat(pid: number): boolean {
  return wordsOf(pid)[0] === "cat";
}

/** proc_pid_io(5). */
function readBy(pid: number): number {
  return Number(/^rchar: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, "latin1"))?.[1]);
}
