import type { ClientChannel } from "ssh2";
import { directionsOf } from "./patched.ts";
import { ReceiveWindow } from "./receive_window.ts";

/**
 * Lets the server send further ahead while the channel's output is read, by a ReceiveWindow; to be called before anybody
 * reads it.
 */
export function widenWindow(channel: ClientChannel): void {
  const { incoming, outgoing } = directionsOf(channel);
  const { stderr } = channel;
  const window = new ReceiveWindow();
  const look = ({ length }: Buffer): void => {
    if (outgoing.state !== "open" && outgoing.state !== "eof") return;
    const unread = channel.readableLength + stderr.readableLength;
    const more = window.read(length, { unread, credit: incoming.window }, performance.now());
    if (more === 0) return;
    incoming.window += more;
    channel._client._protocol.channelWindowAdjust(outgoing.id, more);
  };
  for (const output of [channel, stderr]) {
    // Not before there is a reader: it would make the channel flow.
    const begin = (event: string | symbol): void => {
      if (event !== "data") return;
      output.off("newListener", begin);
      output.on("data", look);
    };
    output.on("newListener", begin);
  }
}
