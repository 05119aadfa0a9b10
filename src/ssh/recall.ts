import { Collection } from "./candidates.ts";
import type { Progress } from "./progress.ts";
import type { Target } from "./target.ts";
import { unlessAborted } from "./unless_aborted.ts";

/** Given the keys that would be offered, throws a Failure where the server has refused just these lately. */
export type Recall = (keys: readonly string[]) => void;

/** What looking back needs. */
export interface RecallOptions {
  readonly signal: AbortSignal;
  readonly progress: Progress;
  readonly recall?: Recall | undefined;
}

/** Finds the keys that a login would offer, and throws as `recall` does; nothing is done without one. */
export async function recallRefusal(
  target: Target,
  { signal, progress, recall }: RecallOptions,
): Promise<void> {
  if (recall === undefined) return;
  const looking = "looking for keys";
  progress.begin("auth", looking);
  const waiting = (what: string) => progress.begin("auth", what || looking);
  const keys = new Collection(target, { signal, waiting });
  try {
    await unlessAborted(keys.collect(), signal);
    // No keys for want of an agent is not the same as no keys.
    if (keys.ids.length > 0 || !keys.hasAgentTrouble) recall(keys.ids);
  } finally {
    keys.close();
  }
}
