import { readdirSync, readFileSync } from "node:fs";
import type { Note } from "../report/note.ts";

/** Descriptors that are kept for a login: ssh and its pipes, known_hosts, the agent, the connection itself. */
const RESERVE = 8;

/**
 * Whether this process has descriptors left for another caller. Without any, accept(2) fails again and again, and who
 * waits for it turns in a loop (Bun and Node alike).
 */
export class Descriptors {
  readonly #note: Note;
  readonly #most: number;
  #hadRoom = true;

  /** `proc`: the process's own folder of proc(5); where there is none, nothing is counted. */
  constructor(note: Note, proc = "/proc/self") {
    this.#note = note;
    this.#most = limitIn(proc);
    this.#count = () => countIn(proc);
  }

  readonly #count: () => number;

  /** Says so in the log when that changes to no. */
  get hasRoom(): boolean {
    const hasRoom = this.#most === Number.POSITIVE_INFINITY || this.#count() <= this.#most - RESERVE;
    if (!hasRoom && this.#hadRoom) {
      this.#note(
        `master: ${this.#most} files may be open, and nearly all are: calls connect by themselves (ulimit -n)`,
      );
    }
    this.#hadRoom = hasRoom;
    return hasRoom;
  }
}

/** RLIMIT_NOFILE, from a line such as "Max open files            1024                 524288               files". */
function limitIn(proc: string): number {
  try {
    const [, soft = ""] = /^Max open files\s+(\d+)\s/m.exec(readFileSync(`${proc}/limits`, "latin1")) ?? [];
    return soft === "" ? Number.POSITIVE_INFINITY : Number(soft);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

function countIn(proc: string): number {
  try {
    return readdirSync(`${proc}/fd`).length;
  } catch {
    // EMFILE itself.
    return Number.POSITIVE_INFINITY;
  }
}
