import type { Duplex } from "node:stream";

/** Bytes that may wait for a server to read them: before the login there is little to say, after it there are mails. */
const MOST = { login: 1024 * 1024, session: 32 * 1024 * 1024 };

/**
 * Destroys the socket of a server that asks and asks, and reads no answer: ssh2 answers each request and each unknown
 * packet at once, and would fill the memory. To be called when the socket flows already.
 */
export function limitUnread(socket: Duplex, isOpen: () => boolean): void {
  socket.on("data", () => {
    const most = isOpen() ? MOST.session : MOST.login;
    if (socket.writableLength > most) socket.destroy(new Error("the server does not read what it asks for"));
  });
}
