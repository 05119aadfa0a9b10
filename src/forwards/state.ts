import type { CarriedForward } from "../table/decision.ts";
import type { Endpoint, Forward } from "../table/table.ts";
import type { SecondLoopback } from "./listen_port.ts";
import { endpointText, leadsTo, placeText } from "./plan.ts";
import type { Occupant } from "./probe.ts";
import type { Program } from "./program.ts";
import { type Hindrance, hindranceText } from "./unless.ts";

/** How a forward stands. */
export type State =
  /** Ours to carry. */
  | {
      readonly kind: "held";
      /** What became of ::1; undefined for a Unix socket. */
      readonly second: SecondLoopback | undefined;
      /** This system does not tell whose a connection is: that check is missing. */
      readonly isUnchecked: boolean;
    }
  /** What `--explain` says in place of `held`: it would be. */
  | {
      readonly kind: "free";
      /** Not if this is reached directly: `unless.reachable`, which was not tried. */
      readonly untried: Endpoint | undefined;
      /** Who has ::1. */
      readonly second: Occupant | undefined;
      /** That `unless.domain` does not hold it back, or does, rests on resolv.conf alone. */
      readonly isHearsay?: boolean;
    }
  | { readonly kind: "withheld"; readonly by: Hindrance; readonly isHearsay?: boolean }
  | { readonly kind: "taken"; readonly by: Occupant }
  /** A port below 1024 (or what the system has for it) without the right to it. */
  | { readonly kind: "no-right" }
  /** This system does not tell whose a connection is, and the port would be a mailbox for every user. */
  | { readonly kind: "unguarded" }
  /** Something else stands at the path of the Unix socket; it is left alone. */
  | { readonly kind: "not-a-socket" }
  | { readonly kind: "failed"; readonly why: string; readonly hint?: string };

/** A forward and how it stands. */
export interface Standing {
  readonly forward: CarriedForward;
  readonly state: State;
}

/** How a forward stands in one sentence, without its name: for the log, `--explain` and `--check`. */
export function standingText({ forward, state }: Standing): string {
  const place = placeText(forward.listen);
  switch (state.kind) {
    case "held":
      return `carries ${carried(forward, state.second)}${warnings(forward, state)}`;
    case "free": {
      const second = state.second === undefined ? "" : `; ::1 is ${occupantText(state.second)}`;
      const untried =
        state.untried === undefined ? "" : `, unless ${endpointText(state.untried)} can be reached directly`;
      return `would carry ${place} to ${leadsTo(forward)}${untried}${second}`;
    }
    case "withheld":
      return `not opened: ${hindranceText(state.by)}`;
    case "taken":
      return `${place} is ${occupantText(state.by)}`;
    case "no-right":
      return `${place} needs a right that this user does not have`;
    case "unguarded":
      return `${place} is not served: this system does not tell which user made a connection`;
    case "not-a-socket":
      return `"${forward.listen}" is not a socket, and is left alone`;
    case "failed":
      return `cannot listen on ${place}: ${state.why}`;
  }
}

function carried(forward: Forward, second: SecondLoopback | undefined): string {
  const { listen } = forward;
  const target = leadsTo(forward);
  if (second === undefined) return `${placeText(listen)} to ${target}`;
  switch (second.kind) {
    case "held":
      return `port ${listen} of 127.0.0.1 and ::1 to ${target}`;
    case "absent":
      return `port ${listen} of 127.0.0.1 to ${target} (this machine has no ::1)`;
    case "taken":
      return `port ${listen} of 127.0.0.1 only to ${target}: ::1 is ${occupantText(second.by)}`;
    case "failed":
      return `port ${listen} of 127.0.0.1 only to ${target}: ::1 cannot be opened (${second.why})`;
  }
}

function warnings(forward: Forward, state: State & { readonly kind: "held" }): string {
  if (forward.allow === "any-user") return "; open to every user of this machine";
  if (!state.isUnchecked) return "";
  return "; this system does not tell which user made a connection: every user of this machine can use it";
}

function occupantText(occupant: Occupant): string {
  switch (occupant.kind) {
    case "ours":
      return `held by ${programText(occupant.program)} already`;
    case "same-user":
      return `in use by ${programText(occupant.program)} of the same user (uid ${occupant.uid}), and is left to that program`;
    case "another-user":
      return `in use by uid ${occupant.uid}${seen(occupant.program)}, another user, who could read your mail`;
    case "untold":
      return "in use by an unknown user";
  }
}

function programText(program: Program | undefined): string {
  return program === undefined
    ? "a program that preauth cannot identify"
    : `${program.name} (pid ${program.pid})`;
}

function seen(program: Program | undefined): string {
  return program === undefined ? "" : `: ${programText(program)}`;
}

/** Who has the place of a forward. What cannot be seen is missing. */
export interface OccupantStatus {
  readonly uid?: number;
  readonly pid?: number;
  /** As Program has it. */
  readonly program?: string;
}

/** The status of whoever has a place; `own` is this process. Undefined for nobody, or where it was not looked for. */
export function occupantStatus(
  { state }: Standing,
  own: { readonly uid: number; readonly pid: number },
): OccupantStatus | undefined {
  if (state.kind === "held") return { ...own, program: "preauth" };
  if (state.kind !== "taken") return undefined;
  const { by } = state;
  if (by.kind === "untold") return {};
  const { pid, name: program } = by.program ?? {};
  return {
    uid: by.kind === "ours" ? own.uid : by.uid,
    ...(pid !== undefined && program !== undefined && { pid, program }),
  };
}

/** What to know about a domain that a network tells; undefined for nothing. */
export function hearsayNote({ forward, state }: Standing): string | undefined {
  if (!("isHearsay" in state) || state.isHearsay !== true) return undefined;
  const homes = (forward.unless.domain ?? []).map((home) => `"${home}"`).join(", ");
  const why = "any network can write that file: do not rely on it to send mail without TLS";
  return `only resolv.conf says whether this machine is in ${homes}, and ${why}`;
}

/** What the user can do about it, one action; undefined for nothing. */
export function standingHint({ state }: Standing): string | undefined {
  if (state.kind === "failed") return state.hint;
  if (state.kind === "no-right") return "choose a port from 1024 on, in the table and in the mail client";
  if (state.kind === "unguarded") {
    return 'listen at the path of a Unix socket, or let every user of this machine in: allow = "any-user"';
  }
  if (state.kind === "taken") {
    if (state.by.kind !== "another-user") return undefined;
    return "choose another place, in the table and in the mail client";
  }
  const isHalf = state.kind === "held" && (state.second?.kind === "taken" || state.second?.kind === "failed");
  if (isHalf || (state.kind === "free" && state.second !== undefined)) {
    return "write 127.0.0.1 instead of localhost in the mail client";
  }
  return undefined;
}
