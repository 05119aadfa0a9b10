import type { Readable } from "node:stream";
import type { ClientChannel } from "ssh2";
import type { Line } from "./channel_input.ts";
import { type Directions, directionsOf } from "./patched.ts";
import { ReceiveWindow } from "./receive_window.ts";

/**
 * Lets the server send further ahead while the channel's output is read, by a ReceiveWindow; to be called before anybody
 * reads it.
 */
export function widenWindow(channel: ClientChannel, line: Line): void {
  const { incoming, outgoing } = directionsOf(channel);
  const { stderr } = channel;
  const window = new ReceiveWindow(() => line.roundTrip.least);
  const credit = new Credit(channel);
  const look = ({ length }: Buffer): void => {
    if (!isOpen(outgoing.state)) return;
    const unread = channel.readableLength + stderr.readableLength;
    const load = { unread, credit: incoming.window, makesWay: line.waiting > 0 };
    const more = window.read(length, load, performance.now());
    if (more === 0) return;
    line.roundTrip.measure();
    incoming.window += more;
    credit.give(more);
  };
  for (const output of [channel, stderr]) followReader(output, look);
}

/**
 * Tells the server what it may send, at most once in a turn of the event loop. A runtime reads a full socket again at once (Bun
 * up to ten times more, 512 KiB each): a server that is near, told at every piece, would keep it from all other sockets.
 */
class Credit {
  readonly #channel: ClientChannel;
  #bytes = 0;

  constructor(channel: ClientChannel) {
    this.#channel = channel;
  }

  give(bytes: number): void {
    if (this.#bytes === 0) setImmediate(this.#tell);
    this.#bytes += bytes;
  }

  readonly #tell = (): void => {
    const { outgoing } = directionsOf(this.#channel);
    const bytes = this.#bytes;
    this.#bytes = 0;
    if (!isOpen(outgoing.state)) return;
    this.#channel._client._protocol.channelWindowAdjust(outgoing.id, bytes);
  };
}

/** Calls `look` with each piece that a reader takes, of either kind, without reading anything itself. */
function followReader(output: Readable, look: (chunk: Buffer) => void): void {
  let hasListener = false;
  // Not before there is another: it would make the stream flow.
  const begin = (event: string | symbol): void => {
    if (event !== "data") return;
    hasListener = true;
    output.off("newListener", begin);
    output.on("data", look);
  };
  output.on("newListener", begin);
  const read = output.read.bind(output);
  Object.assign(output, {
    read(size?: number): unknown {
      const chunk: Buffer | null = read(size);
      if (chunk !== null && !hasListener) look(chunk);
      return chunk;
    },
  });
}

/** Whether the server may still be told how much it may send. */
function isOpen(state: Directions["outgoing"]["state"]): boolean {
  return state === "open" || state === "eof";
}
