import { orAborted } from "../abort.ts";
import type { Exit, RemoteCommand } from "../ssh/channel/remote_command.ts";

/** What a remote command has written, and how it ended; undefined where it had not when its time was over. */
export interface Output {
  readonly stdout: Buffer;
  readonly stderr: string;
  readonly exit: Exit | undefined;
}

/** Bytes of an output that are kept; far beyond any authorized_keys. */
const MOST = 4 * 1024 * 1024;

/** Gives a remote command its input, and reads it to its end, or for `ms` milliseconds. Rejects with the signal's reason. */
export async function outputOf(
  remote: RemoteCommand,
  input: string,
  { ms, signal }: { readonly ms: number; readonly signal: AbortSignal },
): Promise<Output> {
  const [stdout, stderr]: [Buffer[], Buffer[]] = [[], []];
  let length = 0;
  const keep = (pieces: Buffer[]) => (piece: Buffer) => {
    length += piece.length;
    if (length <= MOST) pieces.push(piece);
  };
  remote.stdout.on("data", keep(stdout));
  remote.stderr.on("data", keep(stderr));
  remote.stdin.on("error", () => {});
  remote.stdin.end(input);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms);
  });
  try {
    const exit = await orAborted(Promise.race([remote.ended, late]), signal);
    return { stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString(), exit };
  } finally {
    clearTimeout(timer);
    remote.hangUp();
  }
}
