import { spawn } from "node:child_process";
import { deserialize, serialize } from "node:v8";
import { onAbort } from "../../abort.ts";
import { threadProcess } from "../../own_process.ts";
import { UnusableKey } from "./unusable_key.ts";

/**
 * Runs text in a process of its own, with `data` as its workerData, and gives the first message that it posts: for what a
 * key file may have computed for any time without a turn for others. A thread would do for that, but one that is within a
 * function of the runtime's computes on to its end, whatever it is told. Throws the signal's reason, and an UnusableKey
 * where the process ends without a message.
 */
export async function aside<Said>(text: string, data: unknown, signal: AbortSignal): Promise<Said> {
  signal.throwIfAborted();
  const { program, words, env } = threadProcess();
  // A group of its own: a Ctrl-C of the terminal's is for us alone, and we end it.
  const child = spawn(program, words, {
    ...{ cwd: "/", env, detached: true },
    stdio: ["pipe", "pipe", "ignore"],
  });
  const end = () => void child.kill("SIGKILL");
  const stop = onAbort(signal, end);
  try {
    child.stdin.on("error", () => {});
    child.stdin.write(`${serialize({ text, data }).toString("base64")}\n`);
    const said = await new Promise<string>((resolve, reject) => {
      let read = "";
      child.stdout.setEncoding("latin1").on("data", (piece: string) => {
        read += piece;
      });
      child.on("error", ({ message }) => reject(undecryptable(message)));
      child.on("close", () => resolve(read));
    });
    signal.throwIfAborted();
    if (said === "") throw undecryptable("the process that computes the key has ended");
    return deserialize(Buffer.from(said, "base64"));
  } finally {
    stop();
    end();
  }
}

/** For whatever keeps a key from being computed that is no wrong passphrase. */
export function undecryptable(why: string): UnusableKey {
  return new UnusableKey(`cannot be decrypted (${why})`);
}
