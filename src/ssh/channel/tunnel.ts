import { Duplex } from "node:stream";
import type { ClientChannel } from "ssh2";
import { ChannelInput, type Line, silence } from "../ssh2/channel_input.ts";
import { widenWindow } from "../ssh2/receiving.ts";

/**
 * A forwarded connection. ssh2's channel as a stream that can be destroyed: the channel is closed then, and what
 * the server still sends is read away, because its 'close' would not come otherwise.
 */
export class Tunnel extends Duplex {
  readonly #channel: ClientChannel;
  readonly #input: ChannelInput;
  readonly #line: Line;

  constructor(channel: ClientChannel, line: Line) {
    super({ allowHalfOpen: true });
    // Its error may come before anybody listens: a server that confirms a channel can take leave in the same breath.
    this.on("error", () => {});
    this.#channel = channel;
    this.#line = line;
    this.#input = new ChannelInput(channel, line);
    channel.on("error", (error: Error) => this.destroy(error));
    widenWindow(channel, line);
    channel.on("data", (chunk: Buffer) => {
      if (!this.push(chunk)) channel.pause();
    });
    channel.once("end", () => this.push(null));
    // The server has closed: nothing of what is still written would arrive. What it sent is read first.
    channel.once("close", () => {
      if (this.readableEnded) this.destroy();
      else this.once("end", () => this.destroy());
    });
    const forget = line.onOver(() => {
      silence(channel);
      this.destroy(new Error("connection lost"));
    });
    channel.once("close", forget);
  }

  override _read(): void {
    this.#channel.resume();
  }

  override _write(chunk: Buffer, encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#input.write(chunk, encoding, done);
  }

  override _final(done: () => void): void {
    this.#input.end(done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (this.#line.over === undefined) this.#channel.close();
    this.#channel.resume();
    done(error);
  }
}
