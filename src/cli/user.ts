import { openLog } from "../report/log.ts";
import { stateDirectory } from "../state/directory.ts";
import type { Decision } from "../table/decision.ts";
import { readAccount } from "../target/account.ts";
import { resolve } from "../target/ask_ssh.ts";
import type { World } from "../world.ts";

/**
 * A decision with the USER that ssh(1) would take where the words had none: a mail client always names one, and a
 * connection is shared by those who name the same. Throws a Failure when ssh_config cannot be followed.
 */
export async function withUser(world: World, decision: Decision): Promise<Decision> {
  if (decision.user !== undefined) return decision;
  const signal = AbortSignal.timeout(decision.deadline.value);
  const note = openLog(stateDirectory(world.env, world.home), world.pid);
  const answers = await resolve(decision, { env: world.env, home: world.home, signal, note });
  const value = answers?.get("user")?.[0] ?? (await readAccount(world.uid, signal)).user;
  return { ...decision, user: { value, from: { kind: "ssh_config" } } };
}
