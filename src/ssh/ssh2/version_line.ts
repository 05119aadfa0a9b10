import type { Duplex } from "node:stream";

/** RFC 4253 section 4.2: lines may come before the version, which ends in a line feed. */
const VERSION = /^SSH-[^\n]*\n/m;

/** Bytes to wait for it in; ssh2 then says what is wrong with them. */
const LONGEST = 64 * 1024;

/** Who reads a socket. */
type Reader = (chunk: Buffer) => void;

/**
 * Hands a server's first bytes to those who read the socket in two pieces at most: ssh2 loses what comes between the
 * first and the last piece of a version line, and waits for ever. To be called when nothing has come yet.
 */
export function joinVersion(socket: Duplex): void {
  let readers: readonly Reader[] | undefined;
  let first = "";
  let rest = Buffer.alloc(0);
  const take = (chunk: Buffer): void => {
    if (readers === undefined) {
      // Those who read beside us get this piece all the same: it is being told already.
      first = chunk.toString("latin1");
      readers = VERSION.test(first) ? [] : otherReaders(socket, take);
      for (const reader of readers) socket.off("data", reader);
      if (readers.length === 0) socket.off("data", take);
      return;
    }
    rest = Buffer.concat([rest, chunk]);
    if (!VERSION.test(first + rest.toString("latin1")) && rest.length < LONGEST) return;
    socket.off("data", take);
    for (const reader of readers) {
      socket.on("data", reader);
      reader(rest);
    }
  };
  socket.on("data", take);
}

function otherReaders(socket: Duplex, own: Reader): readonly Reader[] {
  const all = socket.listeners("data") as unknown[] as readonly Reader[];
  return all.filter((reader) => reader !== own);
}
