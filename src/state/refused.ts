import { closeSync, lstatSync, openSync } from "node:fs";
import { join } from "node:path";
import { Failure } from "../failure.ts";
import { REFUSAL_REMEMBERED_MS } from "../second_chances.ts";
import { type Access, accessName } from "./access.ts";
import { makePrivateDirectory } from "./directory.ts";
import { digest, discard, discardOlder, namesIn, readRecord, writeRecord } from "./record.ts";

/** How long others wait for one who tries a login, at most: it may be waiting for a person to touch a security key. */
const CLAIMED_MS = 4000;

/** How often a call looks whether another one is through with the same login. */
const LOOK_MS = 10;

/** The name of a refusal's file; drafts and claims have more behind it. */
const NAME = /^[0-9a-f]{32}-[0-9a-f]{32}$/;

/** A reason is a line of a message; more of it is not kept. */
const LONGEST = 1000;

const SHAPE = { at: "number", what: "string", hints: "strings" } as const;

/** Why a login was refused, without the name of the call's server. */
export interface Refusal {
  readonly what: string;
  readonly hints: readonly string[];
}

/** What a call is about. */
export interface RefusedOptions {
  /** Of messages. */
  readonly server: string;
  /** Whether a remembered refusal ends the call; where it does not, a success clears it. */
  readonly isHeeded: boolean;
}

/**
 * What is remembered of logins that a server has refused: sshd from 9.8 on shuts out addresses that keep trying
 * (PerSourcePenalties of sshd_config(5)), and a mail client tries at every folder. One small file in the state directory
 * for each server, user and set of keys, for a minute. Call leave() at the end.
 */
export class Refused {
  readonly #directory: string;
  readonly #pid: number;
  readonly #prefix: string;
  readonly #options: RefusedOptions;
  /** The claim of this process. */
  #claim: string | undefined;

  constructor(stateDirectory: string, pid: number, access: Access, options: RefusedOptions) {
    this.#directory = join(stateDirectory, "refused");
    this.#pid = pid;
    this.#prefix = `${accessName(access)}-`;
    this.#options = options;
  }

  /** Whether recall() may have something to tell: without, nobody need look for the keys beforehand. */
  get mayHold(): boolean {
    return this.#options.isHeeded && this.#names().length > 0;
  }

  /** Throws a Failure where the server has refused just these keys, in whatever order, less than a minute ago. */
  recall(keys: readonly string[]): void {
    const stored = readRecord(this.#file(keys), SHAPE);
    if (stored === undefined) return;
    const age = Date.now() - stored.at;
    if (age < 0 || age >= REFUSAL_REMEMBERED_MS) return;
    const { server } = this.#options;
    const ago = Math.round(age / 1000);
    const what = `${stored.what} (${ago} s ago, and not tried again within a minute)`;
    const hints = [...stored.hints, `try at once: preauth --check ${server}`];
    throw new Failure("auth", server, what, { hints });
  }

  /** Of many calls at once one tries just these keys: waits while another does, and then does as recall(). */
  async enter(keys: readonly string[], signal: AbortSignal): Promise<void> {
    if (!this.#options.isHeeded) return;
    const claim = `${this.#file(keys)}.claim`;
    if (this.#take(claim)) this.#claim = claim;
    while (this.#claim === undefined && isFresh(claim)) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      signal.throwIfAborted();
    }
    this.recall(keys);
  }

  /** Best effort: without a state directory every call finds out anew. */
  remember(keys: readonly string[], { what, hints }: Refusal): void {
    // Keys that change at every call leave a file each.
    discardOlder(this.#directory, REFUSAL_REMEMBERED_MS);
    const stored = { at: Date.now(), what: what.slice(0, LONGEST), hints: hints.slice(0, 4) };
    writeRecord(this.#file(keys), stored, this.#pid);
  }

  /** The server has let the user in: whatever was remembered of the two is over, unless it is heeded. */
  forget(): void {
    if (this.#options.isHeeded) return;
    for (const name of this.#names()) discard(join(this.#directory, name));
  }

  /** Gives back what enter() has claimed. */
  leave(): void {
    if (this.#claim !== undefined) discard(this.#claim);
  }

  /** False when another process has it. True also where nothing can be written: then everybody tries. */
  #take(claim: string): boolean {
    if (!isFresh(claim)) discard(claim);
    try {
      makePrivateDirectory(this.#directory);
      closeSync(openSync(claim, "wx", 0o600));
      return true;
    } catch {
      return !isFresh(claim);
    }
  }

  #names(): readonly string[] {
    return namesIn(this.#directory).filter((name) => name.startsWith(this.#prefix) && NAME.test(name));
  }

  #file(keys: readonly string[]): string {
    return join(this.#directory, `${this.#prefix}${digest([...keys].sort())}`);
  }
}

/** Whether a process that may still live has made this claim. */
function isFresh(claim: string): boolean {
  try {
    return Math.abs(Date.now() - lstatSync(claim).mtimeMs) < CLAIMED_MS;
  } catch {
    return false;
  }
}
