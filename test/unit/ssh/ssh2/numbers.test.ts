import assert from "node:assert/strict";
import { createECDH } from "node:crypto";
import { once } from "node:events";
import { Duplex } from "node:stream";
import { describe, test } from "node:test";
import type { ServerConfig } from "ssh2";
import type { Connection } from "../../../../src/ssh/connection.ts";
import { MlkemExchange } from "../../../../src/ssh/exchange/mlkem.ts";
import { MODP_GROUPS, ModpExchange } from "../../../../src/ssh/exchange/modp.ts";
import { nobleKem } from "../../../../src/ssh/exchange/noble_kem.ts";
import { fieldsOf } from "../../../../src/ssh/keys/blob.ts";
import { limitUnread } from "../../../../src/ssh/ssh2/backlog.ts";
import { NUMBERS, RECEIVE_WINDOW } from "../../../../src/ssh/ssh2/numbers.ts";
import { within } from "../../../peers/waiting.ts";
import { type Mischief, startServant, wireString } from "../../../program/hostile/servant.ts";
import { connectTo, never, newStory, targetFor, type Values } from "../fixtures.ts";

/** What a server does with a value, and what is told of it where it ends the connection. */
interface Probe {
  readonly mischief?: (value: number) => Mischief;
  /** What comes of a value, in place of a connection: undefined where it is borne. */
  readonly outcome?: (value: number) => Promise<string | undefined>;
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
function sending(of: (value: number) => Buffer): (value: number) => Mischief {
  return (value) => ({ ...ECHO, recognised: (_client, wires) => wires.sendPayload(of(value)) });
}

/** Changes a field of what confirms a channel (RFC 4254 section 5.1). */
function confirming(at: number): (value: number) => Mischief {
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
function later(of: (value: number) => readonly Buffer[]): (value: number) => Mischief {
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
  const payload = Buffer.alloc(Math.min(length, 262_160) - 1 - 4 - 6);
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

/** A list of languages of that many bytes, or one that only says so where it fits into no packet (RFC 4253 section 7.1). */
function listing(value: number): Mischief {
  const text = Buffer.alloc(value === UINT32 ? 0 : value, "x");
  return offering((all) => Buffer.concat([all.subarray(0, -4), u32(value), text]));
}

/** Changes the lists of SSH_MSG_KEXINIT, all in one. */
function offering(change: (all: Buffer) => Buffer): Mischief {
  return {
    ...ECHO,
    accepted: (client) => {
      const { _protocol: protocol } = client as unknown as { _protocol: { _offer: Offer } };
      const offer = protocol._offer;
      const all = change(offer.lists.all);
      protocol._offer = Object.assign(Object.create(offer), {
        lists: { ...offer.lists, all },
        totalSize: all.length,
      });
    },
  };
}

/** Of ssh2's offer of algorithms. */
interface Offer {
  readonly lists: { readonly all: Buffer };
}

/**
 * Sends a part of that many bytes in an exchange of keys. Of the right length it is seen to be none of the server's: only the
 * proof fails.
 */
function exchanging(kex: string, first: number): Pick<Probe, "mischief" | "outcome" | "reason"> {
  const mischief = (value: number): Mischief => ({
    config: { algorithms: { kex: [kex] } } as unknown as Partial<ServerConfig>,
    accepted: (_client, wires) =>
      wires.changePackets((payload) => {
        if (payload[0] !== 31) return undefined;
        const [key = Buffer.alloc(0), , signature = Buffer.alloc(0)] = fieldsOf(payload.subarray(1)) ?? [];
        const part = value === 0 ? Buffer.alloc(0) : Buffer.concat([Buffer.from([first]), pointed(value)]);
        return message(31, wireString(key), wireString(part), wireString(signature));
      }),
  });
  return {
    outcome: async (value) => {
      const told = await connected(mischief(value));
      return /has not proven that it has the host key/.test(told ?? "") ? undefined : told;
    },
    reason: /the key exchange \S+ has failed|out of range|bytes in the server's part/,
  };
}

/** OpenSSL's names of curves, by the bytes of a point. */
const CURVES: ReadonlyMap<number, string> = new Map([
  [65, "prime256v1"],
  [97, "secp384r1"],
  [133, "secp521r1"],
]);

/** The rest of a part: a point of the curve where it is as long as one. */
function pointed(length: number): Buffer {
  const curve = CURVES.get(length);
  return curve === undefined ? Buffer.alloc(length - 1, 7) : createECDH(curve).generateKeys().subarray(1);
}

/** What the program's own watch makes of so many bytes that wait in a socket. */
function waiting(isOpen: boolean): NonNullable<Probe["outcome"]> {
  return async (value) => {
    const socket = new Duplex({ read: () => {}, write: () => {}, highWaterMark: UINT32 });
    let reason: string | undefined;
    socket.on("error", (error) => {
      reason = String(error);
    });
    limitUnread(socket, () => isOpen);
    socket.write(Buffer.alloc(value));
    socket.push("a request");
    await new Promise((resolve) => setTimeout(resolve, 20));
    return reason;
  };
}

/** Computes with an f of that many bytes. The first one of the greatest is that of the sign. */
function calculating(kex: keyof typeof MODP_GROUPS, length: number): Pick<Probe, "outcome" | "reason"> {
  const group = MODP_GROUPS[kex];
  assert.ok(group);
  return {
    outcome: (value) => {
      const signs = Buffer.alloc(Math.max(value - length, 0));
      const number = Buffer.alloc(Math.min(value, length), 2);
      const exchange = new ModpExchange(group);
      return exchange.secret(Buffer.concat([signs, number])).then(() => undefined, String);
    },
    reason: /out of range/,
  };
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
        wires.sendPacket(ignored(value % 16 === 0 && value > 0 ? value : 16), (packet) =>
          packet.writeUInt32BE(value),
        ),
    }),
    good: [16, 32, 262_128, 262_144],
    bad: [0, 15, 17, 262_145, 262_160, UINT32],
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
  unreadLogin: {
    outcome: waiting(false),
    good: [0, 2 ** 20 - 1, 2 ** 20],
    bad: [2 ** 20 + 1],
    reason: /asks for answers and does not read them/,
  },
  unread: {
    outcome: waiting(true),
    good: [0, 2 ** 20 + 1, 2 ** 22 - 1, 2 ** 22],
    bad: [2 ** 22 + 1],
    reason: /asks for answers and does not read them/,
  },
  nameList: {
    mischief: listing,
    good: [0, 1, 200_000],
    bad: [262_144, UINT32],
    reason: /Bad packet length|malformed KEXINIT/,
  },
  partOfMlkem: {
    outcome: (value) =>
      new MlkemExchange(nobleKem()).secret(Buffer.alloc(value, 9)).then(() => undefined, String),
    good: [1120],
    bad: [0, 1119, 1121, 200_000],
    reason: /bytes in the server's part/,
  },
  partOfCurve: { ...exchanging("curve25519-sha256", 9), good: [32], bad: [0, 31, 33, 200_000] },
  partOfP256: { ...exchanging("ecdh-sha2-nistp256", 4), good: [65], bad: [0, 64, 66, 200_000] },
  partOfP384: { ...exchanging("ecdh-sha2-nistp384", 4), good: [97], bad: [96, 98] },
  partOfP521: { ...exchanging("ecdh-sha2-nistp521", 4), good: [133], bad: [132, 134] },
  partOfGroup14: {
    ...calculating("diffie-hellman-group14-sha256", 256),
    good: [1, 256, 257],
    bad: [0, 258, 200_000],
  },
  partOfGroup16: { ...calculating("diffie-hellman-group16-sha512", 512), good: [1, 512, 513], bad: [0, 514] },
  partOfGroup18: {
    ...calculating("diffie-hellman-group18-sha512", 1024),
    good: [1, 1024, 1025],
    bad: [0, 1026],
  },
  reserved: {
    mischief: (value) => offering((all) => Buffer.concat([all, Buffer.alloc(1), u32(value)])),
    good: [0, 1, UINT32],
  },
  hostKeys: {
    mischief: sending((value) =>
      message(80, wireString("hostkeys-00@openssh.com"), Buffer.from([0]), value, Buffer.alloc(3)),
    ),
    good: [0, 3, 4, UINT32],
  },
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
  opened: {
    mischief: later((value) =>
      ["forwarded-tcpip", "x11", "auth-agent@openssh.com", "session", "?"].map((type) =>
        message(90, wireString(type), value, value, value, wireString("x"), value, wireString("y"), value),
      ),
    ),
    // By the number beyond it the server itself knows no channel.
    good: [0, 1, UINT32 - 1],
  },
  answered: { mischief: later((value) => [message(81, value), message(81), message(82)]), good: [0, UINT32] },
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

/** The failure that comes of it; undefined where all went well. */
async function tried(probe: Probe, value: number): Promise<string | undefined> {
  return probe.outcome === undefined ? connected(probe.mischief?.(value) ?? {}, probe) : probe.outcome(value);
}

/** The same of a connection, or of what is done with it. */
async function connected(
  mischief: Mischief,
  probe: Pick<Probe, "use" | "values"> = {},
): Promise<string | undefined> {
  await using servant = await startServant(mischief);
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
