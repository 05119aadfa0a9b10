import type { Duplex } from "node:stream";
import { NUMBERS } from "./numbers.ts";

/**
 * Destroys the socket of a server that asks and asks, and reads no answer: ssh2 answers each request and each unknown
 * packet at once, and would fill the memory. Only answers gather there, since mails wait in their channels (Uplink). To be
 * called when the socket flows already.
 */
export function limitUnread(socket: Duplex, isOpen: () => boolean): void {
  socket.on("data", () => {
    const { greatest } = isOpen() ? NUMBERS.unread : NUMBERS.unreadLogin;
    if (socket.writableLength > greatest)
      socket.destroy(new Error("the server asks for answers and does not read them"));
  });
}
