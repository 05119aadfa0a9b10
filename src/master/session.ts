import { onAbort } from "../abort.ts";
import type { Peer } from "../control/masters_end.ts";
import { onceEnded } from "../session/ended.ts";
import type { Placed } from "./spare_command.ts";

/**
 * Carries a session's bytes between its command and the caller, at the master's end. Each side is read only as fast as
 * the other takes it, so that a caller that stalls holds up nobody else: its channel has a window of its own (RFC 4254
 * section 5.2). Resolves when it is over.
 */
export async function carrySession({ remote, remarks, first, on }: Placed, peer: Peer): Promise<void> {
  const { stdin, stdout, ended } = remote;
  const stop = onAbort(peer.gone, () => remote.hangUp());
  peer.open(Buffer.concat(first));
  stdout.on("data", (chunk: Buffer) => {
    if (chunk.length === 0 || peer.gone.aborted || peer.send(chunk)) return;
    stdout.pause();
    peer.drained(() => stdout.resume());
  });
  onceEnded(stdout, () => peer.sendEnd());
  // The server may close its end first: what the caller still says has nowhere to go.
  stdin.on("error", () => {});
  peer.listen({
    data: (bytes) => {
      if (stdin.write(bytes)) return;
      peer.pause();
      stdin.once("drain", () => peer.resume());
    },
    end: () => stdin.end(),
    answer: () => {},
  });
  stdout.resume();
  const found = await ended;
  const exit = found.kind === "lost" && on.isStopped ? ({ kind: "stopped" } as const) : found;
  stop();
  peer.reply({ type: "exit", exit, lastRemark: remarks.last });
  peer.close();
}
