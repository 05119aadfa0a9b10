import type { ChildProcess } from "node:child_process";
import { once } from "node:events";

/** The pid of a child; throws when the program could not be started. */
export async function spawned(child: ChildProcess): Promise<number> {
  if (child.pid !== undefined) return child.pid;
  const [error] = await once(child, "error");
  throw error;
}

/** Resolves when a child has ended; it may have already. */
export async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
}
