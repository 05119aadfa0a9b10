import { lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { digest, discard, readRecord, writeRecord } from "./record.ts";
import type { Refusing } from "./refused.ts";

/** How long it is remembered. */
const REMEMBERED_MS = 24 * 60 * 60_000;

/** More keys than any server bears. */
const MOST_KEYS = 100;

/** A server that has broken off a login: with the how manieth refusal, and which keys it had refused. */
export interface BrokenOff {
  readonly count: number;
  /** Fingerprints. */
  readonly keys: readonly string[];
}

interface Stored extends BrokenOff {
  readonly at: number;
}

/**
 * What is remembered of servers that have broken off, as sshd does at its MaxAuthTries: no key that is sure to lead to that is
 * offered again. One small file in the state directory for each server and user, for a day.
 */
export class Patience {
  readonly #directory: string;
  readonly #file: string;
  readonly #pid: number;

  constructor(stateDirectory: string, pid: number, { host, port, user, proxyCommand = "" }: Refusing) {
    this.#directory = join(stateDirectory, "patience");
    this.#file = join(this.#directory, digest([host, String(port), user, proxyCommand]));
    this.#pid = pid;
  }

  recall(): BrokenOff | undefined {
    const stored = readRecord(this.#file, isStored);
    return stored !== undefined && Math.abs(Date.now() - stored.at) < REMEMBERED_MS ? stored : undefined;
  }

  /** Best effort. */
  remember({ count, keys }: BrokenOff): void {
    this.#tidy();
    const stored: Stored = { at: Date.now(), count, keys: keys.slice(0, MOST_KEYS) };
    writeRecord(this.#file, stored, this.#pid);
  }

  #tidy(): void {
    for (const name of names(this.#directory)) {
      const file = join(this.#directory, name);
      const { mtimeMs } = lstatSync(file, { throwIfNoEntry: false }) ?? { mtimeMs: Date.now() };
      if (Date.now() - mtimeMs > REMEMBERED_MS) discard(file);
    }
  }
}

function names(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function isStored(value: unknown): value is Stored {
  return (
    typeof value === "object" &&
    value !== null &&
    "at" in value &&
    typeof value.at === "number" &&
    "count" in value &&
    typeof value.count === "number" &&
    "keys" in value &&
    Array.isArray(value.keys) &&
    value.keys.every((key) => typeof key === "string")
  );
}
