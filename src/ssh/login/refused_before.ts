import { orAborted } from "../../abort.ts";
import type { Progress } from "../../progress.ts";
import type { Target } from "../../target/target.ts";
import { Collection } from "./key_collection.ts";

/** What is remembered of logins that the server has refused, across processes. */
export interface LoginMemory {
  /** Whether recall() may have something to tell: without, nobody need look for the keys beforehand. */
  readonly mayHold: boolean;
  /** How the server has broken off a login: at which refusal, and of which keys; undefined where it has not, lately. */
  readonly brokenOff: { readonly count: number; readonly keys: readonly string[] } | undefined;
  /** Throws a Failure where the server has refused just these keys lately. */
  recall(keys: readonly string[]): void;
  /** Waits while another process tries just these keys; then does as recall(). */
  enter(keys: readonly string[], signal: AbortSignal): Promise<void>;
}

/** What looking back needs. */
export interface RecallOptions {
  readonly signal: AbortSignal;
  readonly progress: Progress;
  readonly memory?: LoginMemory | undefined;
}

/** Finds the keys that a login would offer, and throws as recall() does; nothing is done where it has nothing to tell. */
export async function recallRefusal(
  target: Target,
  { signal, progress, memory }: RecallOptions,
): Promise<void> {
  if (memory === undefined || !memory.mayHold) return;
  const looking = "looking for keys";
  progress.begin("auth", looking);
  const waiting = (what: string) => progress.begin("auth", what || looking);
  const keys = new Collection(target, { signal, waiting });
  try {
    await orAborted(keys.collect(), signal);
    // No keys for want of an agent is not the same as no keys.
    if (keys.ids.length > 0 || !keys.hasAgentTrouble) memory.recall(keys.ids);
  } finally {
    keys.close();
  }
}
