import type { FailureParts } from "../failure.ts";
import type { OccupantStatus } from "../forwards/state.ts";
import type { Step } from "../progress.ts";
import type { Exit } from "../ssh/channel/remote_command.ts";
import type { Decision } from "../table/decision.ts";
import type { Persist } from "../table/table.ts";

/*
 * What the master and its callers say to each other, in the messages of frames.ts. A caller connects, sends one
 * request, and gets replies; when either side has nothing more to say it closes.
 *
 *   session   here (unless it is open at once), then remark*, then opened with data frames, or failure. From
 *             `opened` on data frames are the session's bytes, an end frame the end of one direction; exit comes last.
 *             A caller that closes has hung up.
 *   forward   here, then done with a line for each forward, or failure.
 *   login     here, then (step | remark | tell | question, to be answered by an answer)*, then done or failure.
 *   status    status.
 *   stop      stopped.
 *
 * Anything else is answered by a failure. `here` must come within a second: a caller that does not get it does without.
 */

/** Part of the socket's name, so that programs which do not understand each other never meet. */
export const VERSION = 1;

/** What a request for a connection carries: all that the master would otherwise take from its own surroundings. */
export interface Wanted {
  readonly decision: Decision;
  /** The caller's environment, for a new login: its agent, and the PATH of ssh and of a ProxyCommand. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  /** Milliseconds of the deadline that the caller has used up. */
  readonly elapsed: number;
}

export type Request =
  | ({ readonly type: "session" } & Wanted)
  | ({ readonly type: "forward"; readonly time: Persist } & Wanted)
  | ({ readonly type: "login" } & Wanted)
  | { readonly type: "status" }
  | { readonly type: "stop"; readonly server?: string; readonly now: boolean };

/** What follows a request, from the caller. */
export type Answer = { readonly type: "answer"; readonly text: string };

export type Reply =
  | { readonly type: "here" }
  /** A line that the server said beside the mail. */
  | { readonly type: "remark"; readonly line: string }
  | { readonly type: "opened" }
  | { readonly type: "exit"; readonly exit: Exit; readonly lastRemark: string }
  | { readonly type: "failure"; readonly failure: FailureParts }
  | { readonly type: "done"; readonly lines: readonly string[] }
  | { readonly type: "step"; readonly step: Step; readonly outcome: string }
  | { readonly type: "tell"; readonly lines: readonly string[] }
  | { readonly type: "question"; readonly question: string; readonly echo: boolean }
  | { readonly type: "status"; readonly status: Status }
  /** `sessions` are open, and `carried` connections of forwards. */
  | {
      readonly type: "stopped";
      readonly servers: readonly string[];
      readonly sessions: number;
      readonly carried: number;
    };

/** What `--status` shows. Times are milliseconds since 1970; a time to come is undefined where there is none. */
export interface Status {
  readonly pid: number;
  readonly since: number;
  readonly socket: string;
  readonly connections: readonly ConnectionStatus[];
  readonly forwards: readonly ForwardStatus[];
}

/** One SSH connection. */
export interface ConnectionStatus {
  readonly server: string;
  readonly destination: string;
  readonly user: string;
  readonly sessions: number;
  /** Mailboxes that are open in advance. */
  readonly spare: number;
  readonly bytesReceived: number;
  readonly bytesSent: number;
  /** Milliseconds; undefined before the first answer. */
  readonly roundTrip: number | undefined;
  readonly since: number;
  /** When it will be closed unless it is used; "forever" where it never is, undefined while it is used. */
  readonly until: number | "forever" | undefined;
}

/** One forward of a connection. */
export interface ForwardStatus {
  readonly name: string;
  readonly server: string;
  readonly listen: number | string;
  readonly to: string;
  /** Where each connection is a session of its own, which is counted with the others. */
  readonly method?: string;
  /** How it stands, in words. */
  readonly state: string;
  /** Whose it is: this process's, another one's; missing where it is nobody's. */
  readonly owner?: OccupantStatus | undefined;
  /** Connections that use it now. */
  readonly open: number;
}
