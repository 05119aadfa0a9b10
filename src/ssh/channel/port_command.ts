import { Readable, type Writable } from "node:stream";
import type { Line } from "../ssh2/channel_input.ts";
import type { Exit, RemoteCommand } from "./remote_command.ts";
import type { Tunnel } from "./tunnel.ts";

/** A connection of the server's to a port, in the place of a command: what its program says there is the output. */
export class PortCommand implements RemoteCommand {
  readonly stdin: Writable;
  readonly stdout: Readable;
  /** Empty: a port says all that it says in one stream. */
  readonly stderr = new Readable({
    read() {
      this.push(null);
    },
  });
  readonly ended: Promise<Exit>;
  readonly #tunnel: Tunnel;
  #hungUp = false;

  constructor(tunnel: Tunnel, line: Line) {
    this.#tunnel = tunnel;
    this.stdin = tunnel;
    this.stdout = tunnel;
    // What is written after its end: to be thrown away.
    tunnel.on("error", () => {});
    this.ended = new Promise((resolve) => {
      tunnel.once("close", () => {
        if (this.#hungUp) resolve({ kind: "lost", why: "hung up" });
        else if (line.over !== undefined) resolve({ kind: "lost", why: line.over });
        // A connection has no status: this one has been closed by whoever wanted to.
        else resolve({ kind: "status", status: 0 });
      });
    });
  }

  hangUp(): void {
    this.#hungUp = true;
    this.#tunnel.destroy();
  }
}
