import type { Duplex } from "node:stream";

/** What is kept of a server that says something else than its SSH version. */
const LONGEST = 1024;

/** What a server says first: RFC 4253 section 4.2. */
export class Preamble {
  #text = "";

  /** The first bytes, for messages. */
  get text(): string {
    return this.#text;
  }

  /** Calls `onBytes` for each piece until `isOver`: until the server has said which SSH it speaks. */
  listen(socket: Duplex, onBytes: () => void, isOver: () => boolean): void {
    const listener = (chunk: Buffer) => {
      if (isOver()) {
        socket.off("data", listener);
        return;
      }
      if (this.#text.length < LONGEST) this.#text += chunk.toString("latin1", 0, LONGEST);
      onBytes();
    };
    socket.on("data", listener);
  }
}
