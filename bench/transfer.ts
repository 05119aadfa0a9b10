import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { childrenOf, signal, wordsOf } from "../test/peers/processes.ts";
import { poll } from "../test/peers/waiting.ts";
import { ended, spawned } from "./child.ts";
import type { Start } from "./contender.ts";

/** How long a stream is looked at, in milliseconds. */
export interface Pace {
  /** From its first bytes on: windows open, buffers fill. */
  readonly settle: number;
  readonly span: number;
}

/** More than the pipes hold that are filled before a login. */
const FLOWING = 1_000_000;

/** A stream that does not flow by then does not flow, ms. */
const PATIENCE = 8_000;

// A shell joins the program and dd by a real pipe; its own standard input is a pipe that stays open.
const PIPES = {
  download: '"$@" | dd of=/dev/null bs=64k 2>/dev/null',
  upload: 'dd if=/dev/zero bs=64k 2>/dev/null | "$@" >/dev/null',
} as const;

/** Which way the bytes go. */
export type Way = keyof typeof PIPES;

/** MB/s (10^6 bytes) of a stream under way, as dd at this end of it reads or writes. */
export async function transferRate(start: Start, way: Way, pace: Pace): Promise<number> {
  const child = spawn("/bin/sh", ["-c", PIPES[way], "sh", ...start.argv], {
    env: start.env,
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  });
  const pid = await spawned(child);
  try {
    return await rate(await findDd(pid), way, pace);
  } finally {
    await stop(child, pid);
  }
}

async function rate(dd: number, way: Way, { settle, span }: Pace): Promise<number> {
  await poll(() => moved(dd, way) > FLOWING, `the first bytes of the ${way}`, undefined, PATIENCE);
  await pause(settle);
  const [time, bytes] = [performance.now(), moved(dd, way)];
  await pause(span);
  return (moved(dd, way) - bytes) / 1000 / (performance.now() - time);
}

function findDd(shell: number): Promise<number> {
  return poll(() => childrenOf(shell).find((pid) => wordsOf(pid)[0] === "dd"), "dd");
}

/** Bytes that dd has read or written so far (proc(5): io). */
function moved(dd: number, way: Way): number {
  const text = readFileSync(`/proc/${dd}/io`, "latin1");
  const [, count] = (way === "download" ? /^rchar: (\d+)$/m : /^wchar: (\d+)$/m).exec(text) ?? [];
  return Number(count);
}

/** The shell leads a process group of its own, with dd and the program in it. */
async function stop(child: ChildProcess, pid: number): Promise<void> {
  signal(-pid, "SIGKILL");
  await ended(child);
}
