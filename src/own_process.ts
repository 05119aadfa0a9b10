// The one file below bin that touches `process`: what stands here would otherwise be handed through every room.

/** Our uid; undefined on a system without. */
export function ownUid(): number | undefined {
  return process.getuid?.();
}

/** Sends a signal to the process group that a child leads, as kill(2) does; nothing where all of it has ended. */
export function signalGroup({ pid }: { readonly pid?: number | undefined }, signal: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, signal);
  } catch {
    // Nobody is left of it (ESRCH).
  }
}

let jobs = 0;

/** Does what the runtime does on threads of its own, which cannot be told to stop: isOnThreads() until it is done. */
export async function onThreads<T>(work: () => Promise<T>): Promise<T> {
  jobs++;
  try {
    return await work();
  } finally {
    jobs--;
  }
}

export function isOnThreads(): boolean {
  return jobs > 0;
}
