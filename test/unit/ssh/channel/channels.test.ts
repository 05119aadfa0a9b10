import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import ssh2, { type ClientChannel } from "ssh2";
import { ChannelCommand } from "../../../../src/ssh/channel/remote_command.ts";
import { Tunnel } from "../../../../src/ssh/channel/tunnel.ts";
import { ChannelInput, type Line } from "../../../../src/ssh/ssh2/channel_input.ts";
import { RoundTrip } from "../../../../src/ssh/ssh2/round_trip.ts";
import { Uplink } from "../../../../src/ssh/ssh2/uplink.ts";

/** A connection that lives, and counts who listens for its end. */
class CountingLine implements Line {
  readonly over = undefined;
  readonly isShared = false;
  readonly waiting = 0;
  readonly uplink = new Uplink(new PassThrough(), {
    isHeld: () => false,
    ask: () => {},
    roundTrip: () => Number.POSITIVE_INFINITY,
  });
  readonly roundTrip = new RoundTrip(new ssh2.Client());
  readonly listeners = new Set<() => void>();

  onOver(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  destroy(): void {}
}

function newChannel(): ClientChannel {
  const extra = { stderr: new PassThrough(), outgoing: { state: "open" }, close: () => {} };
  return Object.assign(new PassThrough(), extra) as unknown as ClientChannel;
}

const USERS: readonly (readonly [string, (channel: ClientChannel, line: Line) => unknown])[] = [
  ["an input", (channel, line) => new ChannelInput(channel, line)],
  ["a command", (channel, line) => new ChannelCommand(channel, line)],
  ["a tunnel", (channel, line) => new Tunnel(channel, line)],
];

for (const [name, use] of USERS) {
  test(`${name} whose channel has closed leaves nothing behind on the connection`, () => {
    const line = new CountingLine();
    const channel = newChannel();
    use(channel, line);
    assert.ok(line.listeners.size > 0);
    channel.emit("close");
    assert.equal(line.listeners.size, 0);
  });
}
