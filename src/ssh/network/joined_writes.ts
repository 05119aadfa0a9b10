import type { Duplex } from "node:stream";

/**
 * Lets what is written in one go leave in one piece. ssh2 writes each packet in three, length, content and tag, and
 * without Nagle's delay each would be a system call and a TCP segment of its own.
 */
export function joinWrites(socket: Duplex): void {
  const { write } = socket;
  let corked = false;
  const release = (): void => {
    corked = false;
    socket.uncork();
  };
  const joined = (...words: unknown[]): boolean => {
    if (!corked) {
      corked = true;
      socket.cork();
      queueMicrotask(release);
    }
    return Reflect.apply(write, socket, words);
  };
  Object.assign(socket, { write: joined });
}
