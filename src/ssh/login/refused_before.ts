import { orAborted } from "../../abort.ts";
import type { Progress } from "../../progress.ts";
import type { Patience } from "../../state/patience.ts";
import type { Refused } from "../../state/refused.ts";
import type { Target } from "../../target/target.ts";
import { KeyCollection } from "./key_collection.ts";

/** What is remembered of logins that the server has refused, and of those that it has broken off, across processes. */
export interface LoginMemory {
  readonly refused: Pick<Refused, "mayHold" | "recall" | "enter">;
  readonly patience: Pick<Patience, "recall">;
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
  if (memory === undefined || !memory.refused.mayHold) return;
  const looking = "looking for keys";
  progress.begin("auth", looking);
  const waiting = (what: string) => progress.begin("auth", what || looking);
  const keys = new KeyCollection(target, { signal, waiting });
  try {
    await orAborted(keys.collect(), signal);
    // No keys for want of an agent is not the same as no keys.
    if (keys.ids.length > 0 || !keys.hasAgentTrouble) memory.refused.recall(keys.ids);
  } finally {
    keys.close();
  }
}
