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

  /** The version line without its end; undefined when it has not come, or not soon enough. */
  get version(): string | undefined {
    return /^(SSH-[^\r\n]*)\r?\n/m.exec(this.#text)?.[1];
  }

  /** Calls `onBytes` for each piece, and `onVersion` when the version line has begun, which is the last of them. */
  listen(socket: Duplex, onBytes: () => void, onVersion: () => void): void {
    let isOver = false;
    const listener = (chunk: Buffer) => {
      if (this.#text.length < LONGEST) this.#text += chunk.toString("latin1", 0, LONGEST);
      if (isOver) {
        if (this.version !== undefined || this.#text.length >= LONGEST) socket.off("data", listener);
        return;
      }
      onBytes();
      if (!/^SSH-/m.test(this.#text)) return;
      isOver = true;
      if (this.version !== undefined) socket.off("data", listener);
      onVersion();
    };
    socket.on("data", listener);
  }
}
