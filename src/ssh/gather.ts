import type { Duplex } from "node:stream";

/**
 * Sends what is written in one turn in one piece. ssh2 writes most packets in three (length, text and tag are written
 * one by one in lib/protocol/crypto.js), each of which would be a packet of TCP's own: nothing here is to wait for more.
 */
export function gatherWrites(socket: Duplex): void {
  const { write } = socket;
  let isGathering = false;
  const send = (): void => {
    isGathering = false;
    socket.uncork();
  };
  socket.write = (...words: unknown[]): boolean => {
    if (!isGathering) {
      isGathering = true;
      socket.cork();
      queueMicrotask(send);
    }
    return Reflect.apply(write, socket, words);
  };
}
