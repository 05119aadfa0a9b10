import type { Socket } from "node:net";
import type { Writable } from "node:stream";
import type { ServerChannel } from "ssh2";
import { type Mischief, type Wires, wireString } from "./servant.ts";

/** Writes the same piece again and again, as fast as it is read. */
function flood(socket: Socket, piece: Buffer): void {
  const more = (): void => {
    while (!socket.destroyed && socket.write(piece));
  };
  socket.on("drain", more);
  more();
}

/** A packet before any key (RFC 4253 section 6). */
function packet(payload: Buffer): Buffer {
  const padding = 16 - ((payload.length + 5) % 8);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(payload.length + padding + 1);
  head[4] = padding;
  return Buffer.concat([head, payload, Buffer.alloc(padding)]);
}

const VERSION = Buffer.from("SSH-2.0-hostile\r\n");
export const ESCAPES = "\x1b]0;owned\x07\x1b[2J\r\n* PREAUTH gotcha\r\n\u009b31m\u202e\0";

/** SSH_MSG_DISCONNECT (RFC 4253 section 11.1). */
function disconnect(text: string): Buffer {
  return Buffer.concat([Buffer.from([1, 0, 0, 0, 2]), wireString(text), wireString("")]);
}

/** SSH_MSG_USERAUTH_BANNER (RFC 4252 section 5.4). */
export function banner(text: string): Buffer {
  return Buffer.concat([Buffer.from([53]), wireString(text), wireString("")]);
}

/** Servers that never get as far as keys: what each does, and the reason that must come of it. */
export const STRANGERS: Readonly<
  Record<string, readonly [service: (socket: Socket) => void, reason: RegExp]>
> = {
  "says lines before its version without an end": [
    (socket) => flood(socket, Buffer.from(`${ESCAPES.repeat(20)}\n`.repeat(100))),
    /timed out .* after 1\.5 s$|before it sent its SSH version/,
  ],
  "says one line without an end": [
    (socket) => flood(socket, Buffer.alloc(1024 * 1024, "x")),
    /timed out .* after 1\.5 s$|before it sent its SSH version/,
  ],
  "sends packets that nobody knows, and reads no answer": [
    (socket) => {
      socket.pause();
      socket.write(VERSION);
      flood(socket, Buffer.concat(Array(2000).fill(packet(Buffer.from([200])))));
    },
    /./,
  ],
  "takes leave with a text of 30,000 bytes, full of controls": [
    (socket) => socket.end(Buffer.concat([VERSION, packet(disconnect(ESCAPES.repeat(700)))])),
    /the server says "\\e\]0;owned\\x07\\e\[2J\\r\\n\* PREAUTH gotcha/,
  ],
  "announces a packet of 4 GiB": [
    (socket) => socket.end(Buffer.concat([VERSION, Buffer.alloc(64, 0xff)])),
    /while keys were exchanged/,
  ],
  "announces a packet of no bytes": [
    (socket) => socket.end(Buffer.concat([VERSION, Buffer.alloc(64)])),
    /while keys were exchanged/,
  ],
};

/** Servers that are known and then misbehave, the reason that must come of it, and the exit status. */
export const KNOWN: Readonly<Record<string, readonly [mischief: Mischief, reason: RegExp]>> = {
  "shows a banner of more than a packet": [
    { recognised: (_client, wires) => wires.sendPayload(banner(ESCAPES.repeat(8000))) },
    /during the login/,
  ],
  "shows banners of the shortest lines without an end": [
    {
      recognised: (_client, wires) => {
        const lines = banner("\x1b\n".repeat(15_000));
        const again = (): void => {
          if (wires.socket.destroyed) return;
          wires.sendPayload(lines);
          setImmediate(again);
        };
        again();
      },
    },
    /timed out .* after 1\.5 s$/,
  ],
  "takes leave in the middle of the login, with controls": [
    { recognised: (_client, wires) => wires.sendPayload(disconnect(ESCAPES.repeat(500))) },
    /\\e\]0;owned\\x07/,
  ],
  "asks for things without an end, and reads no answer": [
    {
      recognised: (_client, wires) => {
        const { socket } = wires;
        socket.pause();
        // SSH_MSG_GLOBAL_REQUEST that wants an answer (RFC 4254 section 4).
        const request = Buffer.concat([Buffer.from([80]), wireString("x"), Buffer.from([1])]);
        const more = (): void => {
          for (let count = 0; count < 500 && !socket.destroyed; count++) wires.sendPayload(request);
          if (socket.destroyed) return;
          if (socket.writableNeedDrain) socket.once("drain", more);
          else setImmediate(more);
        };
        more();
      },
    },
    /./,
  ],
  "opens no session, for a reason full of controls": [
    {
      recognised: (_client, wires) =>
        wires.changePackets((payload) => (payload[0] === 91 ? unopened() : undefined)),
    },
    /the server opens no session: "\\e\]0;owned/,
  ],
  "ends the command by a signal of its own making": [
    { session: endingBy((wires) => wires.sendPayload(exitSignal())) },
    /ended by .*\\e\]0;owned/,
  ],
  "says nothing but noise before a greeting": [
    { session: talking((channel) => channel, ESCAPES.replace("* PREAUTH", "x").repeat(1000)) },
    /64 KiB without an IMAP greeting: "x [ -~]+"$/,
  ],
  "says the shortest lines on stderr without an end": [
    { session: talking((channel) => channel.stderr, "x\n".repeat(15_000)) },
    /timed out .* after 1\.5 s: "x+"$/,
  ],
  "says one line on stderr without an end": [
    { session: talking((channel) => channel.stderr, "x".repeat(30_000)) },
    /timed out .* after 1\.5 s: "x+\.\.\.$/,
  ],
};

/** A command that says the same again and again, as fast as it is read. */
function talking(
  where: (channel: ServerChannel) => Writable,
  text: string,
): NonNullable<Mischief["session"]> {
  return (session) =>
    session.on("exec", (accept) => {
      const channel = accept();
      channel.on("error", () => {});
      const output = where(channel);
      const more = (): void => void (output.writable && output.write(text, () => setImmediate(more)));
      more();
    });
}

/** SSH_MSG_CHANNEL_OPEN_FAILURE for the client's first channel (RFC 4254 section 5.1). */
function unopened(): Buffer {
  return Buffer.concat([
    Buffer.from([92, 0, 0, 0, 0, 0, 0, 0, 2]),
    wireString(ESCAPES.repeat(300)),
    wireString(""),
  ]);
}

/** An exit-signal for the client's first channel (RFC 4254 section 6.10). */
function exitSignal(): Buffer {
  const parts = [wireString(ESCAPES), Buffer.from([1]), wireString(ESCAPES.repeat(200)), wireString("")];
  return Buffer.concat([
    Buffer.from([98, 0, 0, 0, 0]),
    wireString("exit-signal"),
    Buffer.from([0]),
    ...parts,
  ]);
}

function endingBy(end: (wires: Wires) => void): NonNullable<Mischief["session"]> {
  return (session, wires) =>
    session.on("exec", (accept) => {
      const channel = accept();
      end(wires);
      channel.end();
      channel.close();
    });
}
