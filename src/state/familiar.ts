import { lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { makePrivateDirectory } from "./directory.ts";
import { digest, discard, readRecord, writeRecord } from "./record.ts";

/** How long a server that did not bear an early login is not given another. */
const AVOIDED_MS = 24 * 60 * 60_000;

/** Servers that are remembered; beyond, those that were first remembered are forgotten. */
const MOST = 200;

/** Bytes of a record that are believed: a version line has 255 (RFC 4253 section 4.2), a fingerprint 50. */
const LARGEST = 4096;

/** Who logs in where: as ssh_config settles it. */
export interface Place {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** The ProxyCommand, which may lead to another server of the same name. */
  readonly proxyCommand: string | undefined;
}

/** A login that has worked: the server's version line, fingerprints of keys, the last one's algorithm and kind of proof. */
export interface Familiarity {
  readonly version: string;
  readonly keys: readonly string[];
  readonly algorithm: string;
  readonly isBound: boolean;
}

interface Stored extends Familiarity {
  /** When an early login went wrong; 0 for never. */
  readonly avoided: number;
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

  constructor(stateDirectory: string, pid: number, { host, port, user, proxyCommand = "" }: Place) {
    this.#directory = join(stateDirectory, "familiar");
    this.#file = join(this.#directory, digest([host, String(port), user, proxyCommand]));
    this.#pid = pid;
  }

  recall(): Familiarity | undefined {
    const stored = readRecord(this.#file, isStored, LARGEST);
    return stored === undefined || stored.avoided > 0 ? undefined : stored;
  }

  /** Best effort: without a state directory every login goes the ordinary way. Nothing changes while it is avoided. */
  remember({ version, keys, algorithm, isBound }: Familiarity): void {
    const stored = readRecord(this.#file, isStored, LARGEST);
    const age = Date.now() - (stored?.avoided ?? 0);
    if (stored?.version === version && age >= 0 && age < AVOIDED_MS) return;
    this.#write({ version, keys, algorithm, isBound, avoided: 0 });
  }

  /** Goes the ordinary way for a day, or until the server says another version. */
  avoid(version: string): void {
    this.#write({ version, keys: [], algorithm: "", isBound: false, avoided: Date.now() });
  }

  forget(): void {
    discard(this.#file);
  }

  #write(stored: Stored): void {
    try {
      makePrivateDirectory(this.#directory);
      this.#makeRoom();
    } catch {
      return;
    }
    writeRecord(this.#file, stored, this.#pid);
  }

  #makeRoom(): void {
    const names = readdirSync(this.#directory);
    if (names.length < MOST) return;
    const age = (file: string) => lstatSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    const files = names.map((name) => join(this.#directory, name));
    const oldest = files.map((file) => ({ file, at: age(file) })).sort((one, other) => one.at - other.at);
    for (const { file } of oldest.slice(0, names.length - MOST + 1)) discard(file);
  }
}

function isStored(value: unknown): value is Stored {
  return (
    typeof value === "object" &&
    value !== null &&
    "version" in value &&
    typeof value.version === "string" &&
    "keys" in value &&
    Array.isArray(value.keys) &&
    value.keys.every((key) => typeof key === "string") &&
    "algorithm" in value &&
    typeof value.algorithm === "string" &&
    "isBound" in value &&
    typeof value.isBound === "boolean" &&
    "avoided" in value &&
    typeof value.avoided === "number"
  );
}
