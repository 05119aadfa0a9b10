import type { Trouble } from "../../failure.ts";

/** A ProxyCommand that ended, in the words of `message`. */
export class ProxyFailure extends Error {
  readonly trouble: Trouble;
  readonly hints: readonly string[];

  constructor(ending: string, { said, trouble, hints }: Complaint) {
    super(`the ProxyCommand ended with ${ending}${said === "" ? "" : `: "${said}"`}`);
    this.name = "ProxyFailure";
    this.trouble = trouble;
    this.hints = hints;
  }
}

/** What a ProxyCommand complained of. */
interface Complaint {
  readonly said: string;
  readonly trouble: Trouble;
  readonly hints: readonly string[];
}

/** What an ssh says when the one that it goes through has ended, or after it has said why: it tells nothing more. */
const ECHO =
  /^(stdio forwarding failed|kex_exchange_identification|banner exchange|ssh_exchange_identification|Connection (closed|to|reset)\b.*\bUNKNOWN\b)/;

const BY_HAND = "log in to that host once by hand, and compare its key: ssh shows what to do";

/** Lines of ssh(1) that tell why it could not go on (sshconnect.c, sshconnect2.c), the more telling ones first. */
const TELLING: readonly (readonly [pattern: RegExp, trouble: Trouble, hints: readonly string[]])[] = [
  [/ host key is known for .* and you have requested strict checking/, "hostkey", [BY_HAND]],
  [/^Host key for .* has changed and you have requested strict checking/, "hostkey", [BY_HAND]],
  [/^Host key verification failed/, "hostkey", [BY_HAND]],
  [/: Permission denied \(/, "auth", ["put a key for that host into an agent"]],
];

/** Listens to the standard error of a ProxyCommand, which may be ssh(1). */
export class Complaints {
  #last = "";
  #telling: { readonly said: string; readonly rank: number } | undefined;

  take(line: string): void {
    if (!ECHO.test(line)) this.#last = line;
    const rank = TELLING.findIndex(([pattern]) => pattern.test(line));
    if (rank >= 0 && rank < (this.#telling?.rank ?? TELLING.length)) this.#telling = { said: line, rank };
  }

  /** What it comes to. */
  get sum(): Complaint {
    const [, trouble, hints] = TELLING[this.#telling?.rank ?? -1] ?? [];
    if (this.#telling === undefined || trouble === undefined || hints === undefined) {
      return { said: this.#last, trouble: "network", hints: [] };
    }
    return { said: this.#telling.said, trouble, hints };
  }
}
