import { Failure } from "../../failure.ts";
import { lines } from "../../report/lines.ts";
import { typed } from "../../target/by_hand.ts";
import type { Target } from "../../target/target.ts";
import { ProxyFailure } from "../network/proxy_failure.ts";

/** An error of ssh2's client. `level` names the part it comes from; `code` is a number in a disconnect message. */
export interface ClientError extends Error {
  readonly level?: string;
  readonly code?: string | number;
}

/** How far a connection had come when it broke. */
export type Stage = "version" | "kex" | "auth" | "open";

/** The server closed the connection before its version line, as a busy sshd does (MaxStartups of sshd_config(5)). */
export class TurnedAway extends Failure {}

const NO_KEX = "no key exchange in common with the server";

/** What ssh2 says of a negotiation that failed, and what ssh_config(5) calls the list. */
const MISMATCHES: readonly (readonly [words: string, what: string])[] = [
  ["no matching key exchange", NO_KEX],
  ["no matching host key", "no type of host key in common with the server"],
  ["cipher", "no cipher in common with the server"],
  ["MAC", "no message authentication code in common with the server"],
  ["compression", "no compression in common with the server"],
];

/** The failure that an error of ssh2 amounts to. `heard`: what the server said at that stage that may be the reason. */
export function failureOf(error: ClientError, stage: Stage, target: Target, heard: string): Failure {
  const { server } = target;
  const detail = { cause: error };
  if (error instanceof ProxyFailure) {
    const hints = error.hints(target);
    return new Failure(error.trouble, server, `${error.message} (${during(stage)})`, { ...detail, hints });
  }
  if (error.message.includes("signature verification failed")) {
    return new Failure("hostkey", server, "the server has not proven that it has the host key", detail);
  }
  const [, kex, why] = /^Error while computing DH secret \((.*?)\): (.*)/s.exec(error.message) ?? [];
  // A number is the server's own message.
  if (kex !== undefined && typeof error.code !== "number") {
    return new Failure("network", server, `the key exchange ${kex} has failed: ${why}`, detail);
  }
  if (error.code !== undefined) {
    return new Failure("network", server, `${reasonOf(error)} (${during(stage)})`, detail);
  }
  if (error.message.startsWith("Handshake failed")) {
    const lower = error.message.toLowerCase();
    const [, what] = MISMATCHES.find(([words]) => lower.includes(words.toLowerCase())) ?? [];
    if (what !== undefined) {
      return new Failure("network", server, what, {
        ...detail,
        hints: [
          `see what it offers: ${typed("ssh", "-vv", ...target.byHand)}`,
          "doc/ssh.md lists what preauth offers, which is less than ssh does",
          ...(what === NO_KEX
            ? ["sntrup761x25519 is not built in (doc/ssh.md): OpenSSH from 9.9 on has mlkem768x25519"]
            : []),
        ],
      });
    }
  }
  if (/identification string|protocol version/i.test(error.message)) {
    return new Failure("network", server, `the server does not speak SSH 2${saidFirst(heard)}`, detail);
  }
  if (error.message === "Connection lost before handshake") return closed("version", target, heard);
  const Kind = isBusy(stage, heard) ? TurnedAway : Failure;
  return new Kind("network", server, `${reasonOf(error)} (${during(stage)})`, detail);
}

/** Why a connection ended, in words that go after "connection lost: ". */
export function reasonOf({ code, message }: ClientError): string {
  // RFC 4253 section 11.1: a number comes with a message of the server's.
  if (typeof code === "number") return `the server says "${message}"`;
  switch (code) {
    case "ECONNRESET":
      return "connection reset";
    case "EPIPE":
      return "connection closed";
    case "ETIMEDOUT":
      return "no answer for too long";
    default:
      return code ?? message;
  }
}

/**
 * The failure of a connection that the server has closed without an error. sshd(8) closes it without another word where PAM
 * keeps the account out, whose reason was a banner: an account that has expired, or nologin(5).
 */
export function closed(stage: Stage, { server }: Target, heard: string): Failure {
  const said = stage === "version" || stage === "auth" ? saidFirst(heard) : "";
  const Kind = isBusy(stage, heard) ? TurnedAway : Failure;
  return new Kind("network", server, `the server closed the connection (${during(stage)})${said}`);
}

/**
 * Whether a connection that was closed can have been one too many. Other words are other reasons: whom sshd punishes
 * ("Not allowed at this time", PerSourcePenalties of sshd_config(5)) should not come again so soon.
 */
function isBusy(stage: Stage, heard: string): boolean {
  return stage === "version" && /^(Exceeded MaxStartups\s*)?$/.test(heard);
}

function saidFirst(heard: string): string {
  const [line] = lines(heard);
  return line === undefined ? "" : `: it said "${line}"`;
}

function during(stage: Stage): string {
  return {
    version: "before it sent its SSH version",
    kex: "while keys were exchanged",
    auth: "during the login",
    open: "after the login",
  }[stage];
}
