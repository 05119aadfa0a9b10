import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { wire } from "../../src/ssh/keys/blob.ts";
import { makeTemporary, removeTemporary } from "./temporary.ts";

/** An agent of the test's own. */
export interface AgentServer extends AsyncDisposable {
  /** Path for SSH_AUTH_SOCK. */
  readonly socket: string;
  /** The types of the requests so far (RFC 9987 section 5). */
  readonly asked: readonly number[];
  /** Connections that are open now. */
  readonly connections: () => number;
}

/** What an agent says when it will not. */
export const FAILURE = Buffer.from([5]);

/** Starts one: `answer` is what it says to each request, without lengths; nothing where that is undefined. */
export async function startAgentServer(
  answer: (request: Buffer) => Buffer | undefined,
): Promise<AgentServer> {
  const folder = makeTemporary();
  const socket = join(folder, "agent");
  const asked: number[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((peer) => {
    sockets.add(peer);
    let received = Buffer.alloc(0);
    peer.on("close", () => sockets.delete(peer));
    peer.on("error", () => {});
    peer.on("data", (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      while (received.length >= 4 && received.length >= 4 + received.readUInt32BE()) {
        const end = 4 + received.readUInt32BE();
        asked.push(received[4] ?? 0);
        const said = answer(received.subarray(4, end));
        received = received.subarray(end);
        if (said !== undefined) peer.write(wire(said));
      }
    });
  }).listen(socket);
  await once(server, "listening");
  return {
    ...{ socket, asked, connections: () => sockets.size },
    [Symbol.asyncDispose]: async () => {
      for (const peer of sockets) peer.destroy();
      server.close();
      await once(server, "close");
      removeTemporary(folder);
    },
  };
}
