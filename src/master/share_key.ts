import type { Wanted } from "../control/protocol.ts";
import type { Decision, Settled } from "../table/decision.ts";

/**
 * What makes two calls the same connection: two decisions with the same key lead to the same server as the same user,
 * by the same keys and with the same trust. The destination counts as it is written: ssh_config minds the case of a Host,
 * and `Work` may be another machine than `work`. Not the METHOD, nor the name that was matched, nor the agent: whoever
 * logged in with it stays logged in, as with ssh(1)'s ControlMaster.
 */
export function shareKey(decision: Decision): string {
  const { destination, user, port, identity, sshConfig, knownHosts, compression } = decision;
  return JSON.stringify([
    ...[destination, user, port, identity, sshConfig, knownHosts, compression].map(settledValue),
  ]);
}

/**
 * What one table leads to one place at a time: a SERVER, in its case, which ssh_config may mind, with the USER that the call
 * gives where the table has none.
 */
export function routeOf({ decision, env, home }: Pick<Wanted, "decision" | "env" | "home">): string {
  const given = givenUser(decision) ?? null;
  return JSON.stringify([decision.server, given, env.PREAUTH_TABLE || env.XDG_CONFIG_HOME || home]);
}

/** The USER of the call, where it counts. */
export function givenUser({ user }: Decision): string | undefined {
  return user?.from.kind === "call" ? user.value : undefined;
}

/** Null where ssh_config decides. */
function settledValue(settled: Settled<unknown> | undefined): unknown {
  return settled === undefined ? null : settled.value;
}
