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

/** How a process is started. */
interface ProcessStart {
  readonly program: string;
  readonly words: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/**
 * A process that has a thread run a text, and tells what the thread posts. It is given `{ text, data }` and gives that, each
 * as node:v8 serializes it, in base64; a newline ends the former. It ends then, and as soon as its standard input does: nobody
 * waits for it any more. An executable of Bun's is the runtime that it was made with where BUN_BE_BUN says so; what that
 * translates, it would keep on the disk.
 */
export function threadProcess(): ProcessStart {
  const env = { BUN_BE_BUN: "1", BUN_RUNTIME_TRANSPILER_CACHE_PATH: "0" };
  return {
    program: process.execPath,
    words: ["-e", THREAD],
    env: process.versions.bun === undefined ? {} : env,
  };
}

const THREAD = `
const { Worker } = require("node:worker_threads");
const { deserialize, serialize } = require("node:v8");
const end = () => process.kill(process.pid, "SIGKILL");
let asked = "";
process.stdin.setEncoding("latin1").on("error", end).on("end", end).on("data", (piece) => {
  asked += piece;
  if (!piece.endsWith("\\n")) return;
  const { text, data } = deserialize(Buffer.from(asked, "base64"));
  new Worker(text, { eval: true, workerData: data })
    .on("message", (said) => process.stdout.write(serialize(said).toString("base64"), end))
    .on("error", end);
});`;
