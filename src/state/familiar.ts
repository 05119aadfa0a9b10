import { join } from "node:path";
import { type Access, accessName } from "./access.ts";
import { makePrivateDirectory } from "./directory.ts";
import { discard, factsOf, namesIn, readRecord, writeRecord } from "./record.ts";
import type { Shaped } from "./shape.ts";

/** How long a server that did not bear an early login is not given another. */
const AVOIDED_MS = 24 * 60 * 60_000;

/** Servers that are remembered; beyond, those that were first remembered are forgotten. */
const MOST = 200;

/** Bytes of a record that are believed: a version line has 255 (RFC 4253 section 4.2), a fingerprint 50. */
const LARGEST = 4096;

const SHAPE = {
  version: "string",
  keys: "strings",
  algorithm: "string",
  isBound: "boolean",
  /** When an early login went wrong; 0 for never. */
  avoided: "number",
} as const;

/** A login that has worked; nothing of it is secret. */
export interface KnownLogin {
  /** The server's version line, without its end. */
  readonly version: string;
  /** Fingerprints of the keys that were offered, in order; the last one was let in. */
  readonly keys: readonly string[];
  /** The algorithm in its request. */
  readonly algorithm: string;
  /** Whether the proof named the host key, as the server takes it. */
  readonly isBound: boolean;
}

/**
 * What is remembered of plain logins that have worked, so that the next one can send at once what it would otherwise
 * send piece by piece. One small file in the state directory for each server and user. Nothing of it is secret, or
 * decides about trust: known_hosts does.
 */
export class Familiar {
  readonly #directory: string;
  readonly #file: string;
  readonly #pid: number;

  readonly #isHeeded: boolean;

  /** `isHeeded`: whether a login may build on it; where not, it goes step by step, and its success begins anew. */
  constructor(stateDirectory: string, pid: number, access: Access, isHeeded = true) {
    this.#directory = join(stateDirectory, "familiar");
    this.#file = join(this.#directory, accessName(access));
    this.#pid = pid;
    this.#isHeeded = isHeeded;
  }

  recall(): KnownLogin | undefined {
    if (!this.#isHeeded) return undefined;
    const stored = readRecord(this.#file, SHAPE, LARGEST);
    return stored === undefined || stored.avoided > 0 ? undefined : stored;
  }

  /** Best effort: without a state directory every login goes the ordinary way. Nothing changes while it is avoided. */
  remember({ version, keys, algorithm, isBound }: KnownLogin): void {
    if (!this.#isHeeded) this.forget();
    const stored = readRecord(this.#file, SHAPE, LARGEST);
    const age = Date.now() - (stored?.avoided ?? 0);
    if (stored?.version === version && age >= 0 && age < AVOIDED_MS) return;
    this.#write({ version, keys, algorithm, isBound, avoided: 0 });
  }

  /** Goes the ordinary way for a day, or until the server says another version. */
  avoid(version: string): void {
    this.#write({ version, keys: [], algorithm: "", isBound: false, avoided: Date.now() });
  }

  /** The key is no longer let in. */
  forget(): void {
    discard(this.#file);
  }

  #write(stored: Shaped<typeof SHAPE>): void {
    try {
      makePrivateDirectory(this.#directory);
      this.#makeRoom();
    } catch {
      return;
    }
    writeRecord(this.#file, stored, this.#pid);
  }

  #makeRoom(): void {
    const names = namesIn(this.#directory);
    if (names.length < MOST) return;
    const age = (file: string) => factsOf(file)?.mtimeMs ?? 0;
    const files = names.map((name) => join(this.#directory, name));
    const oldest = files.map((file) => ({ file, at: age(file) })).sort((one, other) => one.at - other.at);
    for (const { file } of oldest.slice(0, names.length - MOST + 1)) discard(file);
  }
}
