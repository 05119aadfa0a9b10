import type { Readable } from "node:stream";
import type { ClientChannel } from "ssh2";
import type { Line } from "./channel_input.ts";
import { directionsOf } from "./patched.ts";
import { ReceiveWindow } from "./receive_window.ts";

/**
 * Lets the server send further ahead while the channel's output is read, by a ReceiveWindow; to be called before anybody
 * reads it.
 */
export function widenWindow(channel: ClientChannel, line: Line): void {
  const { incoming, outgoing } = directionsOf(channel);
  const { stderr } = channel;
  const window = new ReceiveWindow(() => line.roundTrip.least);
  const look = ({ length }: Buffer): void => {
    if (outgoing.state !== "open" && outgoing.state !== "eof") return;
    const unread = channel.readableLength + stderr.readableLength;
    const load = { unread, credit: incoming.window, makesWay: line.waiting > 0 };
    const more = window.read(length, load, performance.now());
    if (more === 0) return;
    line.roundTrip.measure();
    incoming.window += more;
    channel._client._protocol.channelWindowAdjust(outgoing.id, more);
  };
  for (const output of [channel, stderr]) followReader(output, look);
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
