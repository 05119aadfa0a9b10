import { Failure } from "../../failure.ts";
import type { Person } from "../../person.ts";
import type { Target } from "../../target/target.ts";
import { fingerprint } from "../keys/blob.ts";
import { place, printing, shown, type UnknownKey } from "./host_key.ts";
import { recordHostKey } from "./known_hosts_record.ts";

const QUESTION = 'Connect, and remember this key ("yes", "no" or the fingerprint)? ';
const AGAIN = 'Please type "yes", "no" or the fingerprint: ';

/** Somebody who can be asked about an unknown key of a server. */
export class HostKeyQuestion {
  readonly #target: Target;
  readonly #person: Person;
  readonly #file: string;

  private constructor(target: Target, person: Person, file: string) {
    this.#target = target;
    this.#person = person;
    this.#file = file;
  }

  /**
   * Undefined when there is nobody to ask, and where the answer could not be remembered, as ssh(1) has it
   * (sshconnect.c): no known_hosts of the user's, or a name that means something else there.
   */
  static of(target: Target, person: Person | undefined): HostKeyQuestion | undefined {
    const file = target.newHostKeys.value;
    const isPlain = /^(?:[^\s,!@?*#[\]|'"\\]+|\[[^\s,!@?*#[\]|'"\\]+\]:\d+)$/.test(target.hostKeyName.value);
    if (person === undefined || file === undefined || !isPlain) return undefined;
    return new HostKeyQuestion(target, person, file);
  }

  /** Asks until the answer is one. Rejects with a Failure at a no, or with what Person.ask() rejects with. */
  async confirm({ key, name, elsewhere }: UnknownKey, signal: AbortSignal): Promise<void> {
    const { server } = this.#target;
    const print = fingerprint(key);
    this.#person.tell([
      `The host key of ${name} is not known. The server offers:`,
      `  ${shown(key)}`,
      `  compare it with the server's own key; on the server run: ${printing(key)}`,
      `  a "yes" writes it to ${this.#file}`,
      ...elsewhere.map((entry) => `  ${place(entry)} has the same key for ${entry.names}`),
    ]);
    for (let question = QUESTION; ; question = AGAIN) {
      const answer = (await this.#person.ask(question, { echo: true, signal })).trim();
      if (/^yes$/i.test(answer) || answer === print) return;
      // As for ssh(1), nothing is a no.
      if (/^(?:no)?$/i.test(answer))
        throw new Failure("hostkey", server, `host key not accepted (${shown(key)})`);
    }
  }

  /** Writes an accepted key to known_hosts. As for ssh(1), a file that cannot be written costs no session. */
  record({ key, name }: UnknownKey): void {
    const trouble = recordHostKey(this.#file, name, key, this.#target.hashNames.value);
    this.#person.tell([
      trouble === undefined
        ? `The host key of ${name} is now in ${this.#file}.`
        : `${this.#file} cannot be written (${trouble}): the host key of ${name} will be asked about again.`,
    ]);
  }
}
