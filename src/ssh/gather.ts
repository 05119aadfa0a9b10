import type { Duplex } from "node:stream";

/** Bytes for which it matters: a login has 3,000. On Bun, an upload of a mebibyte stood still in one of ten tries. */
const MOST = 16 * 1024;

/**
 * Sends what is written in one turn in one piece, as long as it is a login. ssh2 writes most packets in three (length,
 * text and tag one by one in lib/protocol/crypto.js), each of which would be a packet of TCP's own: nothing here is to
 * wait for more.
 */
export function gatherWrites(socket: Duplex): void {
  const { write } = socket;
  let isGathering = false;
  let left = MOST;
  const send = (): void => {
    isGathering = false;
    socket.uncork();
  };
  socket.write = (...words: unknown[]): boolean => {
    const [piece] = words;
    left -= typeof piece === "string" || Buffer.isBuffer(piece) ? piece.length : 0;
    if (left < 0) socket.write = write;
    else if (!isGathering) {
      isGathering = true;
      socket.cork();
      queueMicrotask(send);
    }
    return Reflect.apply(write, socket, words);
  };
}
