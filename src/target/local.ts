import type { Decision } from "../table/decision.ts";
import { readAccount, readHomes } from "./account.ts";
import type { RawAnswers } from "./ask_ssh.ts";
import { writtenPaths } from "./paths.ts";
import type { Local } from "./tokens.ts";

/** Finds out who and where the call comes from, as far as the decision and `answers` mind. Throws only the signal's reason. */
export async function readLocal(
  { uid, home, env }: Pick<Local, "uid" | "home" | "env">,
  decision: Decision,
  answers: RawAnswers | undefined,
  signal: AbortSignal,
): Promise<Local> {
  const account = await readAccount(uid, signal);
  const homes = await readHomes(writtenPaths(decision, answers ?? new Map()), signal);
  return { uid, account, home, env, homes };
}
