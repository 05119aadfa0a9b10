/**
 * Everything that can go wrong and that a person can do something about.
 *
 * `usage`: the words of the call. `unknown`: a server that the table does not have. `table`: hosts.toml, or an
 * ssh_config that cannot be followed. `hostkey`, `auth`: the server or the user was not accepted. `network`: the
 * server could not be reached, or broke off before a command ran. `deadline`: out of time. `command`: the server was
 * reached, and what it ran is of no use. `lost`: the connection ended under a running command. `gone`: the client hung
 * up, or a signal came. `bug`: an error of the program's own.
 */
export type Trouble =
  | "usage"
  | "unknown"
  | "table"
  | "hostkey"
  | "auth"
  | "network"
  | "deadline"
  | "command"
  | "lost"
  | "gone"
  | "bug";

/** Exit statuses, after sysexits(3) where that has one, and 255 as ssh(1) for a lost connection. */
const STATUS: Readonly<Record<Trouble, number>> = {
  usage: 64,
  unknown: 1,
  table: 78,
  hostkey: 77,
  auth: 77,
  network: 69,
  deadline: 69,
  command: 69,
  lost: 255,
  gone: 69,
  bug: 70,
};

/** What a Failure may carry beside its three parts. */
export interface FailureDetail {
  /** What the user can do, one action each, without a full stop. */
  readonly hints?: readonly string[];
  /** The exit status, where it is not the usual one of the trouble. */
  readonly status?: number;
  /** The error underneath. */
  readonly cause?: unknown;
}

/**
 * A failure to be shown to the user as `subject: what`. Anything else that is thrown is a bug and keeps
 * its stack. `subject` is what it is about (a host, a file with its place); `what` a statement in lower
 * case without a full stop. Both may hold text from outside: whoever prints them cleans them.
 */
export class Failure extends Error {
  readonly trouble: Trouble;
  readonly subject: string;
  readonly what: string;
  readonly hints: readonly string[];
  readonly status: number;

  constructor(trouble: Trouble, subject: string, what: string, detail: FailureDetail = {}) {
    super(`${subject}: ${what}`, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.name = "Failure";
    this.trouble = trouble;
    this.subject = subject;
    this.what = what;
    this.hints = detail.hints ?? [];
    this.status = detail.status ?? STATUS[trouble];
  }
}

/** A failure as data, to be sent to another process. */
export type FailureParts = Pick<Failure, "trouble" | "subject" | "what" | "hints" | "status">;

export function partsOf({ trouble, subject, what, hints, status }: Failure): FailureParts {
  return { trouble, subject, what, hints, status };
}

export function fromParts({ trouble, subject, what, hints, status }: FailureParts): Failure {
  return new Failure(trouble, subject, what, { hints, status });
}
