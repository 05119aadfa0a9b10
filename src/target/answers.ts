import type { Origin, Settled } from "../table/decision.ts";
import type { RawAnswers } from "./ask_ssh.ts";

export const DEFAULT: Origin = { kind: "default" };
const SSH_CONFIG: Origin = { kind: "ssh_config" };

/**
 * What ssh_config says, key by key, and where that came from. `answers` are undefined without an ssh
 * program. A value that is the same in `plain`, where those are given, is a default; without them all that
 * ssh said counts as ssh_config's.
 */
export class Answers {
  readonly #answers: RawAnswers;
  readonly #plain: RawAnswers;

  constructor(answers: RawAnswers | undefined, plain: RawAnswers | undefined) {
    this.#answers = answers ?? new Map();
    this.#plain = plain ?? new Map();
  }

  /** The values of a key, one a line of ssh_config; `otherwise` when ssh said nothing. */
  all(key: string, otherwise: readonly string[]): Settled<readonly string[]> {
    const value = this.#answers.get(key);
    return value === undefined
      ? { value: otherwise, from: DEFAULT }
      : { value, from: this.#from(key, value) };
  }

  /** The value of a key; `otherwise` when ssh said nothing. */
  one<T>(key: string, otherwise: T): Settled<string | T> {
    const value = this.#answers.get(key)?.[0];
    return value === undefined
      ? { value: otherwise, from: DEFAULT }
      : { value, from: this.#from(key, [value]) };
  }

  /** A yes or no, which older versions of ssh print as true or false; `otherwise` when ssh said nothing. */
  flag(key: string, otherwise: "yes" | "no" = "no"): Settled<boolean> {
    const { value, from } = this.one(key, otherwise);
    return { value: value === "yes" || value === "true", from };
  }

  /** A number from `least` on, or `otherwise`. */
  number(key: string, otherwise: number, least: number): Settled<number> {
    const { value, from } = this.one(key, String(otherwise));
    const number = Number(value);
    return Number.isInteger(number) && number >= least
      ? { value: number, from }
      : { value: otherwise, from: DEFAULT };
  }

  /** Words of a key that may hold a list with commas; undefined when ssh said nothing. */
  list(key: string): readonly string[] | undefined {
    return this.#answers.get(key)?.[0]?.split(",");
  }

  #from(key: string, value: readonly string[]): Origin {
    const plain = this.#plain.get(key);
    const same = plain !== undefined && plain.length >= value.length && value.every((v, i) => v === plain[i]);
    return same ? DEFAULT : SSH_CONFIG;
  }
}

/** Both values together; it is a default only if both are. */
export function together<A, B, C>(a: Settled<A>, b: Settled<B>, join: (a: A, b: B) => C): Settled<C> {
  return { value: join(a.value, b.value), from: a.from.kind === "default" ? b.from : a.from };
}
