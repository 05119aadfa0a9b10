import { once } from "node:events";
import { orAborted } from "../../abort.ts";
import { onThreads } from "../../own_process.ts";

/**
 * Runs text on a thread of its own, with `data` as its workerData, and gives the first message that it posts: for what a key
 * file may have computed for any time without a turn for others. It is text since in a program of one file there is no other
 * to start a thread from. Throws what the text throws, and the signal's reason; the thread ends then.
 */
export function aside<Said>(text: string, data: unknown, signal: AbortSignal): Promise<Said> {
  return onThreads(async () => {
    const { Worker } = await import("node:worker_threads");
    const worker = new Worker(text, { eval: true, workerData: data, execArgv: [], env: {} });
    try {
      const [said] = await orAborted<readonly [Said]>(once(worker, "message") as Promise<[Said]>, signal);
      return said;
    } finally {
      // Where it computes on, that is for nobody: within a function of the runtime's it cannot be told to stop.
      void worker.terminate();
    }
  });
}
