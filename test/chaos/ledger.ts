import { Wrong } from "./imap.ts";
import { sumOf, sumsIn } from "./message.ts";
import type { Tally } from "./tally.ts";

/** A message that must be there. */
interface Kept {
  readonly sum: string;
  readonly uid: number;
}

/** What must be in a folder, and what may be. */
export class Ledger {
  readonly #tally: Tally;
  readonly #kept = new Map<string, Kept>();
  /** Sums of those that the server has not confirmed. */
  readonly #doubtful = new Map<string, string>();
  readonly #gone = new Set<string>();

  constructor(tally: Tally) {
    this.#tally = tally;
  }

  /** UIDs of all that must be there. */
  get uids(): readonly number[] {
    return [...this.#kept.values()].map(({ uid }) => uid);
  }

  /** A message is on its way. */
  send(id: string, sum: string): void {
    this.#doubtful.set(id, sum);
  }

  /** The server has said that it has it. */
  confirm(id: string, uid: number): void {
    this.#kept.set(id, { sum: this.#doubtful.get(id) ?? "", uid });
    this.#doubtful.delete(id);
    this.#tally.add("messages appended");
  }

  /** Somebody is about to delete it. */
  expunge(uid: number): void {
    const [id] = this.#find(uid) ?? [];
    if (id === undefined) return;
    this.#kept.delete(id);
    this.#gone.add(id);
    this.#tally.add("messages expunged");
  }

  /** Throws when a message that was fetched is another one. */
  compare(uid: number, message: Buffer): void {
    const [id, kept] = this.#find(uid) ?? [];
    if (kept === undefined) return;
    if (sumOf(message) !== kept.sum) throw new Wrong(`${id} came with another sum, ${message.length} bytes`);
    this.#tally.add("messages fetched and compared");
  }

  /** Compares what is in the folder of a Maildir with what must be. */
  verify(folder: string): void {
    const found = sumsIn(folder);
    for (const [id, { sum }] of this.#kept) {
      const sums = found.get(id) ?? [];
      this.#tally.add("messages verified at the end");
      if (sums.length === 0) this.#tally.find("lost", id);
      else if (sums.length > 1) this.#tally.find("doubled", id);
      else if (sums[0] !== sum) this.#tally.find("wrong", `message ${id}`);
    }
    for (const [id, sum] of this.#doubtful) {
      this.#tally.add("messages in doubt when a session was cut off");
      const sums = found.get(id) ?? [];
      if (sums.some((other) => other !== sum)) this.#tally.find("wrong", `message ${id}, which was in doubt`);
      if (sums.length > 1) this.#tally.find("doubled", `${id}, which was in doubt`);
    }
    for (const id of found.keys()) {
      const isKnown = this.#kept.has(id) || this.#doubtful.has(id) || this.#gone.has(id);
      if (!isKnown) this.#tally.find("wrong", `nobody has sent ${id}`);
    }
  }

  #find(uid: number): readonly [string, Kept] | undefined {
    return [...this.#kept].find(([, one]) => one.uid === uid);
  }
}
