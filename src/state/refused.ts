import { closeSync, lstatSync, openSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { REFUSAL_REMEMBERED_MS } from "../second_chances.ts";
import { makePrivateDirectory } from "./directory.ts";
import { digest, discard, readRecord, writeRecord } from "./record.ts";

/** How long others wait for one who tries a login, at most: it may be waiting for a person to touch a security key. */
const CLAIMED_MS = 4000;

/** The name of a refusal's file; drafts and claims have more behind it. */
const NAME = /^[0-9a-f]{32}-[0-9a-f]{32}$/;

/** A reason is a line of a message; more of it is not kept. */
const LONGEST = 1000;

/** Who was refused where: as ssh_config settles it. */
export interface Refusing {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** The ProxyCommand, which may lead to another server of the same name. */
  readonly proxyCommand: string | undefined;
}

/** What is remembered of a refusal. */
export interface Refusal {
  /** Milliseconds ago. */
  readonly age: number;
  /** The reason, without the name of the call's server. */
  readonly what: string;
  readonly hints: readonly string[];
}

interface Stored {
  readonly at: number;
  readonly what: string;
  readonly hints: readonly string[];
}

/**
 * What is remembered of logins that a server has refused: sshd from 9.8 on shuts out addresses that keep trying
 * (PerSourcePenalties of sshd_config(5)), and a mail client tries at every folder. One small file in the state directory
 * for each server, user and set of keys, for a minute.
 */
export class Refused {
  readonly #directory: string;
  readonly #pid: number;

  constructor(stateDirectory: string, pid: number) {
    this.#directory = join(stateDirectory, "refused");
    this.#pid = pid;
  }

  /** Whether there may be something to recall: without, nobody need look for the keys. */
  has(refusing: Refusing): boolean {
    const prefix = prefixOf(refusing);
    return this.#names().some((name) => name.startsWith(prefix) && NAME.test(name));
  }

  /** The refusal of just these keys, in whatever order, less than a minute ago; undefined for none. */
  recall(refusing: Refusing, keys: readonly string[]): Refusal | undefined {
    const stored = readRecord(this.#file(refusing, keys), isStored);
    if (stored === undefined) return undefined;
    const age = Date.now() - stored.at;
    return age >= 0 && age < REFUSAL_REMEMBERED_MS
      ? { age, what: stored.what, hints: stored.hints }
      : undefined;
  }

  /** Best effort: without a state directory every call finds out anew. */
  remember(refusing: Refusing, keys: readonly string[], { what, hints }: Omit<Refusal, "age">): void {
    const stored: Stored = { at: Date.now(), what: what.slice(0, LONGEST), hints: hints.slice(0, 4) };
    this.#tidy();
    writeRecord(this.#file(refusing, keys), stored, this.#pid);
  }

  /** The server has let the user in: whatever was remembered of the two is over. */
  forget(refusing: Refusing): void {
    const prefix = prefixOf(refusing);
    for (const name of this.#names()) {
      if (name.startsWith(prefix) && NAME.test(name)) discard(join(this.#directory, name));
    }
  }

  /**
   * Claims a login for this process: of many calls at once one tries, and the others see what comes of it. False when
   * another has it. True also where nothing can be written: then everybody tries. To be given back with release().
   */
  claim(refusing: Refusing, keys: readonly string[]): boolean {
    const file = this.#claimFile(refusing, keys);
    if (!this.isClaimed(refusing, keys)) discard(file);
    try {
      makePrivateDirectory(this.#directory);
      closeSync(openSync(file, "wx", 0o600));
      return true;
    } catch {
      return !this.isClaimed(refusing, keys);
    }
  }

  /** Whether a process that may still live has claimed the login. */
  isClaimed(refusing: Refusing, keys: readonly string[]): boolean {
    try {
      const { mtimeMs } = lstatSync(this.#claimFile(refusing, keys));
      return Math.abs(Date.now() - mtimeMs) < CLAIMED_MS;
    } catch {
      return false;
    }
  }

  release(refusing: Refusing, keys: readonly string[]): void {
    discard(this.#claimFile(refusing, keys));
  }

  /** Keys that change at every call leave a file each: what is over is removed. */
  #tidy(): void {
    for (const name of this.#names()) {
      const file = join(this.#directory, name);
      const { mtimeMs } = lstatSync(file, { throwIfNoEntry: false }) ?? {
        mtimeMs: Number.POSITIVE_INFINITY,
      };
      if (Date.now() - mtimeMs > REFUSAL_REMEMBERED_MS) discard(file);
    }
  }

  #names(): readonly string[] {
    try {
      return readdirSync(this.#directory);
    } catch {
      return [];
    }
  }

  #claimFile(refusing: Refusing, keys: readonly string[]): string {
    return `${this.#file(refusing, keys)}.claim`;
  }

  #file(refusing: Refusing, keys: readonly string[]): string {
    return join(this.#directory, `${prefixOf(refusing)}${digest([...keys].sort())}`);
  }
}

function prefixOf({ host, port, user, proxyCommand }: Refusing): string {
  return `${digest([host, String(port), user, ...(proxyCommand === undefined ? [] : [proxyCommand])])}-`;
}

function isStored(value: unknown): value is Stored {
  return (
    typeof value === "object" &&
    value !== null &&
    "at" in value &&
    typeof value.at === "number" &&
    "what" in value &&
    typeof value.what === "string" &&
    "hints" in value &&
    Array.isArray(value.hints) &&
    value.hints.every((hint) => typeof hint === "string")
  );
}
