import type { Trouble } from "../../failure.ts";
import { typed } from "../../target/by_hand.ts";
import type { Target } from "../../target/target.ts";

/** A ProxyCommand that ended, or never began, in the words of `message`. */
export class ProxyFailure extends Error {
  readonly trouble: Trouble;
  readonly #words: readonly string[] | undefined;
  readonly #adding: string;

  /**
   * `how` completes "the ProxyCommand ". `words`: what stands behind `ssh` for the host that it was about. `adding`: how a key
   * is added to the agent that is asked for that host.
   */
  constructor(how: string, { said, trouble }: Complaint, words?: readonly string[], adding = "ssh-add") {
    super(`the ProxyCommand ${how}${said === "" ? "" : `: "${said}"`}`);
    this.name = "ProxyFailure";
    this.trouble = trouble;
    this.#words = words;
    this.#adding = adding;
  }

  /** What to do about the host that it was about. */
  hints({ server }: Pick<Target, "server">): readonly string[] {
    const words = this.#words;
    if (words === undefined) return [];
    const line = typed("ssh", ...words);
    if (this.trouble === "hostkey") return [`log in to that host once by hand, and compare its key: ${line}`];
    if (this.trouble !== "auth") return [];
    return [
      `see what keeps you out of that host: ${line}`,
      `a key with a passphrase must be in an agent: ${this.#adding}`,
      `log in on a terminal, where that host can ask too: ${typed("preauth", "--login", server)}`,
      `or log in to that host with a ControlMaster of ssh's, and write: ProxyCommand ssh -W %h:%p ${typed(...words).replaceAll("%", "%%")}`,
    ];
  }
}

/** The words behind `ssh` for a host that ssh(1) has named: one of ProxyJump's, where there is one of that name, or but one. */
export function wayTo(host: string | undefined, jumps: Target["jumps"]): readonly string[] | undefined {
  if (jumps.length === 1 || host === undefined) return jumps.length === 1 ? jumps[0] : undefined;
  const jump = jumps.find((words) => words.at(-1)?.replace(/^.*@/, "") === host);
  if (jump !== undefined) return jump;
  const [, name, port] = /^\[(.*)\]:(\d+)$/.exec(host) ?? [];
  return name === undefined || port === undefined ? [host] : ["-p", port, name];
}

/** What a ProxyCommand complained of. */
interface Complaint {
  readonly said: string;
  readonly trouble: Trouble;
  /** The host that it is about, as ssh(1) calls it. */
  readonly host: string | undefined;
}

/** What an ssh says when the one that it goes through has ended, or after it has said why: it tells nothing more. */
const ECHO =
  /^(stdio forwarding failed|kex_exchange_identification|banner exchange|ssh_exchange_identification|Connection (closed|to|reset)\b.*\bUNKNOWN\b)/;

/** Lines of ssh(1) that tell why it could not go on (sshconnect.c, sshconnect2.c), the more telling ones first. */
const TELLING: readonly (readonly [pattern: RegExp, trouble: Trouble])[] = [
  [/ host key is known for (.*) and you have requested strict checking/, "hostkey"],
  [/^Host key for (.*) has changed and you have requested strict checking/, "hostkey"],
  [/^Host key verification failed/, "hostkey"],
  [/^(?:.*@)?(.*): Permission denied \(/, "auth"],
];

/** Listens to the standard error of a ProxyCommand, which may be ssh(1). */
export class Complaints {
  #last = "";
  #telling: { readonly said: string; readonly rank: number; readonly host: string | undefined } | undefined;

  take(line: string): void {
    if (!ECHO.test(line)) this.#last = line;
    const rank = TELLING.findIndex(([pattern]) => pattern.test(line));
    if (rank < 0 || rank >= (this.#telling?.rank ?? TELLING.length)) return;
    this.#telling = { said: line, rank, host: TELLING[rank]?.[0].exec(line)?.[1] };
  }

  /** What it comes to. */
  get sum(): Complaint {
    const [, trouble] = TELLING[this.#telling?.rank ?? -1] ?? [];
    if (this.#telling === undefined || trouble === undefined) {
      return { said: this.#last, trouble: "network", host: undefined };
    }
    const { said, host } = this.#telling;
    return { said, trouble, host };
  }
}
