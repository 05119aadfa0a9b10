import { join } from "node:path";
import { type Access, accessName } from "./access.ts";
import { discardOlder, readRecord, writeRecord } from "./record.ts";

/** How long it is remembered. */
const REMEMBERED_MS = 24 * 60 * 60_000;

/** More keys than any server bears. */
const MOST_KEYS = 100;

const SHAPE = { at: "number", count: "number", keys: "strings" } as const;

/** A server that has broken off a login: with the how manieth refusal, and which keys it had refused. */
export interface BrokenOff {
  readonly count: number;
  /** Fingerprints. */
  readonly keys: readonly string[];
}

/**
 * What is remembered of servers that have broken off, as sshd does at its MaxAuthTries: no key that is sure to lead to that is
 * offered again. One small file in the state directory for each server and user, for a day.
 */
export class Patience {
  readonly #directory: string;
  readonly #file: string;
  readonly #pid: number;

  constructor(stateDirectory: string, pid: number, access: Access) {
    this.#directory = join(stateDirectory, "patience");
    this.#file = join(this.#directory, accessName(access));
    this.#pid = pid;
  }

  recall(): BrokenOff | undefined {
    const stored = readRecord(this.#file, SHAPE);
    return stored !== undefined && Math.abs(Date.now() - stored.at) < REMEMBERED_MS ? stored : undefined;
  }

  /** Best effort. */
  remember({ count, keys }: BrokenOff): void {
    discardOlder(this.#directory, REMEMBERED_MS);
    writeRecord(this.#file, { at: Date.now(), count, keys: keys.slice(0, MOST_KEYS) }, this.#pid);
  }
}
