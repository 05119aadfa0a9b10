import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, test } from "node:test";
import type { ServerConfig } from "ssh2";
import type { Connection } from "../../../../src/ssh/connection.ts";
import { NUMBERS, RECEIVE_WINDOW } from "../../../../src/ssh/ssh2/numbers.ts";
import { within } from "../../../peers/waiting.ts";
import { type Mischief, startServant, wireString } from "../../../program/hostile/servant.ts";
import { connectTo, never, newStory, targetFor, type Values } from "../fixtures.ts";

/** What a server does with a value, and what is told of it where it ends the connection. */
interface Probe {
  readonly mischief: (value: number) => Mischief;
  /** Values that must be borne, and values that must end the connection. */
  readonly good: readonly number[];
  readonly bad?: readonly number[];
  readonly reason?: RegExp;
  readonly values?: Values;
  /** What is done with the connection, which must come to its end; default: a word there and back. */
  readonly use?: (connection: Connection) => Promise<void>;
}

const UINT32 = 0xffffffff;

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function message(type: number, ...parts: readonly (Buffer | number)[]): Buffer {
  return Buffer.concat([
    Buffer.from([type]),
    ...parts.map((one) => (typeof one === "number" ? u32(one) : one)),
  ]);
}

/** Sends a message when keys have been exchanged. */
function sending(of: (value: number) => Buffer): Probe["mischief"] {
  return (value) => ({ ...ECHO, recognised: (_client, wires) => wires.sendPayload(of(value)) });
}

/** Changes a field of what confirms a channel (RFC 4254 section 5.1). */
function confirming(at: number): Probe["mischief"] {
  return (value) => ({
    ...ECHO,
    recognised: (_client, wires) =>
      wires.changePackets((payload) => {
        if (payload[0] !== 91) return undefined;
        payload.writeUInt32BE(value, at);
        return payload;
      }),
  });
}

/** A command that says what it is told. */
const ECHO: Mischief = {
  session: (session) =>
    session.on("exec", (accept) => {
      const channel = accept();
      channel.on("error", () => {});
      channel.write("ready\n");
      channel.on("data", (chunk: Buffer) => channel.write(chunk));
    }),
};

/** Sends a message when the session has begun. */
function later(of: (value: number) => readonly Buffer[]): Probe["mischief"] {
  return (value) => ({
    session: (session, wires) =>
      session.on("exec", (accept) => {
        const channel = accept();
        channel.on("error", () => {});
        channel.write("ready\n");
        channel.on("data", (chunk: Buffer) => {
          if (chunk.includes("go")) for (const payload of of(value)) wires.sendPayload(payload);
          channel.write(chunk);
        });
      }),
  });
}

/** A word there and back, on a session and on a forwarded connection. */
async function echo(connection: Connection): Promise<void> {
  await sessionEcho(connection);
  const tunnel = await connection.forward({ host: "x", port: 1 }, { address: "127.0.0.1", port: 2 });
  tunnel.on("error", () => {});
  await wordThereAndBack(tunnel, (text) => tunnel.write(text));
  tunnel.destroy();
}

async function sessionEcho(connection: Connection): Promise<void> {
  const command = await connection.exec("cat", { signal: never() });
  command.stderr.resume();
  await wordThereAndBack(command.stdout, (text) => command.stdin.write(text));
}

async function wordThereAndBack(output: NodeJS.ReadableStream, write: (text: string) => void): Promise<void> {
  const word = `go ${"x".repeat(70_000)} end`;
  let text = "";
  const whole = new Promise<void>((resolve) => {
    output.on("data", (chunk: Buffer) => {
      text += chunk;
      if (text.includes(word)) resolve();
    });
  });
  write(word);
  await within(whole, "the word", () => `${text.length} bytes`, 3000);
}

async function ping(connection: Connection): Promise<void> {
  await within(new Promise<void>((resolve) => connection.ping(resolve)), "a sign of life", () => "", 3000);
}

/** A payload of SSH_MSG_IGNORE in a packet of that length; the ciphers' blocks have 16 bytes. */
function ignored(length: number): Buffer {
  const payload = Buffer.alloc(length - 1 - 4 - 6);
  payload[0] = 2;
  return payload;
}

/** As many bytes of data as that, in the packets that we take. */
function data(bytes: number): readonly Buffer[] {
  const packets: Buffer[] = [];
  for (let left = bytes; left > 0; left -= 32_000) {
    packets.push(message(94, 0, wireString(Buffer.alloc(Math.min(left, 32_000), "y"))));
  }
  return packets;
}

const COMPRESSED = { algorithms: { compress: ["zlib@openssh.com"] } } as unknown as Partial<ServerConfig>;

const PROBES: Record<keyof typeof NUMBERS, Probe> = {
  versionLine: {
    mischief: (value) => ({ ...ECHO, config: { ident: Buffer.alloc(value - 8, "v") as unknown as string } }),
    good: [9, 8191, 8192],
    bad: [8193],
    reason: /line too long/,
  },
  linesBefore: {
    mischief: (value) => ({ ...ECHO, config: { greeting: "\r\n".repeat(value) } }),
    good: [1, 1022, 1023],
    bad: [1024],
    reason: /lines exceeded/,
  },
  packetLength: {
    mischief: (value) => ({
      ...ECHO,
      recognised: (_client, wires) =>
        wires.sendPacket(ignored(value), (packet) => assert.equal(packet.readUInt32BE(), value)),
    }),
    good: [48, 262_128, 262_144],
    bad: [262_160],
    reason: /Bad packet length/,
  },
  paddingLength: {
    mischief: (value) => ({
      ...ECHO,
      recognised: (_client, wires) =>
        wires.sendPacket(message(2, Buffer.alloc(21)), (packet) => {
          packet[4] = value;
        }),
    }),
    good: [4, 30, 31],
    bad: [32, 255],
    reason: /padding/,
  },
  inflated: {
    mischief: (value) => ({
      config: COMPRESSED,
      session: (session, wires) =>
        session.on("exec", (accept) => {
          // Its end would still be sent after the connection's, which throws with compression.
          const channel = Object.assign(accept(), { eof: () => {} });
          channel.write("ready\n");
          channel.on("data", (chunk: Buffer) => {
            if (chunk.includes("go")) wires.sendCompressed(message(2, wireString(Buffer.alloc(value - 5))));
            channel.write(chunk);
          });
        }),
    }),
    values: { compression: true },
    use: sessionEcho,
    good: [262_143, 262_144],
    bad: [262_145],
    reason: /inflates to more than 262144 bytes/,
  },
  rekeys: {
    mischief: (value) => ({
      ...ECHO,
      recognised: (client) => {
        // Told of again after each.
        if (client.listenerCount("rekey") > 0) return;
        let left = value;
        const again = (): void => void (left-- > 0 && client.rekey());
        client.on("ready", again).on("rekey", again);
      },
    }),
    use: async (connection) => {
      await ping(connection);
      for (let count = 0; count < 25; count++) await ping(connection);
      await echo(connection);
    },
    good: [1, 20],
    bad: [22],
    reason: /again and again/,
  },
  disconnectReason: {
    mischief: sending((value) => message(1, value, wireString("farewell"), wireString(""))),
    good: [],
    bad: [0, 2, UINT32],
    reason: /farewell/,
  },
  unimplemented: { mischief: sending((value) => message(3, value)), good: [0, UINT32] },
  extensions: {
    mischief: sending((value) => message(7, value, wireString("x"), wireString("y"))),
    good: [0, 1],
    bad: [2, UINT32],
    reason: /Malformed EXT_INFO/,
  },
  // Where there is nobody to ask no such message is expected, and none is heeded.
  prompts: {
    mischief: sending((value) => message(60, wireString(""), wireString(""), wireString(""), value)),
    good: [0, 1, UINT32],
  },
  unreadLogin: { mischief: () => ECHO, good: [0] },
  unread: { mischief: () => ECHO, good: [0] },
  recipient: {
    mischief: later((value) => [
      message(94, value, wireString("stray")),
      message(93, value, 5),
      message(96, value),
    ]),
    good: [77, UINT32 - 1],
    bad: [UINT32],
    reason: /channel/,
  },
  sender: {
    mischief: confirming(5),
    // The server itself does not know the channel by that number.
    use: async (connection) => {
      await connection.exec("cat", { signal: never() });
      await ping(connection);
    },
    good: [1, 77, UINT32 - 1],
  },
  openFailure: {
    mischief: (value) => ({
      recognised: (_client, wires) =>
        wires.changePackets((payload) =>
          payload[0] === 91 ? message(92, 0, value, wireString("no"), wireString("")) : undefined,
        ),
    }),
    use: async (connection) => {
      await assert.rejects(connection.exec("cat", { signal: never() }), /opens no session: "no"/);
      await ping(connection);
    },
    good: [0, 1, UINT32],
  },
  initialWindow: { mischief: confirming(9), good: [0, 1, UINT32], use: opened },
  leastPacket: {
    mischief: confirming(13),
    good: [256, 257, 32_768],
    bad: [0, 1, 255],
    reason: /takes packets of (0|1|255) bytes at most/,
  },
  mostPacket: { mischief: confirming(13), good: [32_768, 32_769, UINT32] },
  window: {
    mischief: (value) => ({
      ...later(() => [message(93, 0, value)])(value),
      recognised: (_client, wires) =>
        wires.changePackets((payload) => {
          if (payload[0] !== 91) return undefined;
          payload.writeUInt32BE(0x80000000, 9);
          return payload;
        }),
    }),
    // What has been sent by then is taken off.
    good: [0, 0x7fffffff],
    bad: [0x80000000 + 100_000, UINT32],
    reason: /opens a window too far/,
  },
  excess: {
    mischief: (value) => ({
      session: (session, wires) =>
        session.on("exec", (accept) => {
          accept().on("error", () => {});
          for (const payload of data(RECEIVE_WINDOW + value)) wires.sendPayload(payload);
        }),
    }),
    use: async (connection) => {
      // Nobody reads, and nothing is granted beyond the first window.
      await connection.exec("cat", { signal: never() });
      await ping(connection);
    },
    good: [0, Math.floor(NUMBERS.excess.greatest)],
    bad: [Math.floor(NUMBERS.excess.greatest) + 1],
    reason: /has sent more than the window takes/,
  },
  dataType: {
    mischief: later((value) => [message(95, 0, value, wireString("stray"))]),
    good: [0, 1, 2, UINT32],
  },
  exitStatus: {
    mischief: (value) => ({
      session: (session, wires) =>
        session.on("exec", (accept) => {
          const channel = accept();
          wires.sendPayload(message(98, 0, wireString("exit-status"), Buffer.from([0]), value));
          channel.end();
        }),
    }),
    use: async (connection) => {
      const command = await connection.exec("cat", { signal: never() });
      command.stdout.resume();
      command.stderr.resume();
      assert.equal((await command.ended).kind, "status");
    },
    good: [0, 255, UINT32],
  },
};

async function opened(connection: Connection): Promise<void> {
  const command = await connection.exec("cat", { signal: never() });
  const [chunk] = await once(command.stdout, "data");
  assert.match(String(chunk), /ready/);
  await ping(connection);
}

/** The failure that comes of it, or of what is done with the connection; undefined where all went well. */
async function tried(probe: Probe, value: number): Promise<string | undefined> {
  await using servant = await startServant(probe.mischief(value));
  const story = newStory();
  let connection: Connection;
  try {
    connection = await connectTo(targetFor(servant, probe.values), story);
  } catch (error) {
    return String(error);
  }
  const broken = connection.closed.then((reason) => `ended: ${reason}`);
  const used = (probe.use ?? echo)(connection).then(
    () => undefined,
    (error: unknown) => (/waited/.test(String(error)) ? String(error) : broken),
  );
  const outcome = await Promise.race([used, broken]);
  connection.end();
  await connection.closed;
  return outcome;
}

for (const [name, probe] of Object.entries(PROBES)) {
  const { of, source } = NUMBERS[name as keyof typeof NUMBERS];
  describe(`${of} (${source})`, { concurrency: true }, () => {
    for (const value of probe.good) {
      test(`${name} ${value}: is borne`, async () => assert.equal(await tried(probe, value), undefined));
    }
    for (const value of probe.bad ?? []) {
      test(`${name} ${value}: ends the connection, with a reason`, async () => {
        assert.match((await tried(probe, value)) ?? "borne", probe.reason ?? /never/);
      });
    }
  });
}
