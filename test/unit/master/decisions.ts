import type { Decision } from "../../../src/table/decision.ts";

const BY_DEFAULT = { kind: "default" } as const;

/** A decision as the table makes it of a [[host]] with little in it; the rest as given. */
export function decisionWith(keys: Partial<Decision> = {}): Decision {
  return {
    server: "mail.test",
    method: "imap",
    host: 0,
    destination: { value: "mail.test", from: { kind: "table", path: ["host", 0, "server"] } },
    user: { value: "jane", from: { kind: "call" } },
    port: undefined,
    identity: undefined,
    sshConfig: undefined,
    knownHosts: undefined,
    compression: undefined,
    onFailure: { value: "refuse", from: BY_DEFAULT },
    deadline: { value: 10_000, from: BY_DEFAULT },
    share: { value: true, from: BY_DEFAULT },
    persist: { value: 600_000, from: BY_DEFAULT },
    spare: { value: 0, from: BY_DEFAULT },
    command: { value: { kind: "line", line: "exec imapd" }, from: BY_DEFAULT },
    forwards: [],
    ...keys,
  };
}

/** A value of the table. */
export function tabled<T>(value: T): { readonly value: T; readonly from: { readonly kind: "default" } } {
  return { value, from: BY_DEFAULT };
}
