import type { ServerConfig, Session } from "ssh2";
import { type Mischief, type Wires, wireString } from "./servant.ts";

/** A server that wants more of us than an honest one, and what comes of it. */
export interface Greed {
  readonly mischief: Mischief;
  /** What the log has of the end, where the connection ends by it. */
  readonly reason?: RegExp | undefined;
  /** Whether a call has to be watched that goes its way alone, too. */
  readonly isGreedyAlone?: boolean;
  /** Whether the client writes as much as is taken. */
  readonly isFed?: boolean;
  /** Further keys of its host in the table. */
  readonly host?: Readonly<Record<string, boolean>>;
}

type Serve = NonNullable<Mischief["session"]>;

/** Greets, says what it is told, and goes on to `then` at the first byte. */
function greeting(then: (wires: Wires, channel: number) => void = () => {}): Serve {
  return (session: Session, wires) =>
    session.on("exec", (accept) => {
      const channel = accept();
      channel.on("error", () => {});
      channel.write("* PREAUTH ready\r\n");
      channel.once("data", () => then(wires, (channel as unknown as Insides).outgoing.id));
      channel.on("data", (chunk: Buffer) => channel.write(`* OK ${chunk}`));
    });
}

interface Insides {
  readonly outgoing: { readonly id: number };
}

/** A session like any other. */
export const HONEST: Mischief = { session: greeting() };

/** Changes a field of what confirms a channel (RFC 4254 section 5.1). */
function confirming(at: number, value: number): NonNullable<Mischief["recognised"]> {
  return (_client, wires) =>
    wires.changePackets((payload) => {
      if (payload[0] !== 91) return undefined;
      payload.writeUInt32BE(value, at);
      return payload;
    });
}

const [WINDOW, PACKET] = [9, 13];
const WIDEST = 0xffffffff;

/** Sends data as fast as it is taken, without a look at the window. */
function flood(wires: Wires, channel: number): void {
  const head = Buffer.alloc(5, 94);
  head.writeUInt32BE(channel, 1);
  const packet = Buffer.concat([head, wireString(Buffer.alloc(32_000, "x"))]);
  const { socket } = wires;
  const more = (): void => {
    for (let count = 0; count < 50 && !socket.destroyed; count++) wires.sendPayload(packet);
    if (socket.destroyed) return;
    if (socket.writableNeedDrain) socket.once("drain", more);
    else setImmediate(more);
  };
  more();
}

/** Begins to exchange keys, and never goes on. */
function stall(wires: Wires): void {
  const lists = ["curve25519-sha256", "ssh-ed25519", ...Array<string>(2).fill("aes128-gcm@openssh.com")];
  const rest = ["hmac-sha2-256", "hmac-sha2-256", "none", "none", "", ""];
  const names = [...lists, ...rest].map((name) => wireString(name));
  wires.sendPayload(Buffer.concat([Buffer.alloc(1, 20), Buffer.alloc(16), ...names, Buffer.alloc(5)]));
}

const rekeying: NonNullable<Mischief["recognised"]> = (client) => {
  if (client.listenerCount("rekey") > 0) return;
  client.on("ready", () => client.rekey()).on("rekey", () => setImmediate(() => client.rekey()));
};

function only(kind: string, name: string): Partial<ServerConfig> {
  return { algorithms: { [kind]: [name] } } as unknown as Partial<ServerConfig>;
}

export const GREEDY: Readonly<Record<string, Greed>> = {
  "takes packets of no bytes": {
    mischief: { ...HONEST, recognised: confirming(PACKET, 0) },
    reason: /takes packets of 0 bytes at most/,
  },
  "sends more than the window takes": {
    mischief: { session: greeting(flood) },
    reason: /has sent more than the window takes/,
    isGreedyAlone: true,
  },
  // Sixteen of them: to make more takes the test itself as long as anybody may be held up.
  "sends kilobytes that inflate to megabytes": {
    mischief: {
      config: only("compress", "zlib@openssh.com"),
      session: greeting((wires) => wires.sendCompressed(Buffer.alloc(16 * 1024 * 1024, 2))),
    },
    host: { compression: true },
    reason: /inflates to more than 262144 bytes/,
    isGreedyAlone: true,
  },
  "opens its window as wide as can be, and reads nothing": {
    mischief: { recognised: confirming(WINDOW, WIDEST), session: greeting((wires) => wires.socket.pause()) },
    isFed: true,
    isGreedyAlone: true,
  },
  "begins to exchange keys, and never goes on": {
    mischief: { recognised: confirming(WINDOW, WIDEST), session: greeting(stall) },
    isFed: true,
    isGreedyAlone: true,
  },
  "exchanges keys of 8192 bits again and again": {
    mischief: { ...HONEST, recognised: rekeying, config: only("kex", "diffie-hellman-group18-sha512") },
    reason: /exchanges keys again and again/,
  },
};

type Forward = NonNullable<Mischief["forward"]>;

/** Changes a field of what confirms a forwarded connection, and goes on to `then`. */
function confirmingForward(at: number, value: number, then: (wires: Wires) => void = () => {}): Mischief {
  let isForward = false;
  const forward: Forward = (accept, wires) => {
    isForward = true;
    accept().on("error", () => {});
    isForward = false;
    then(wires);
  };
  return {
    ...HONEST,
    forward,
    recognised: (_client, wires) =>
      wires.changePackets((payload) => {
        if (!isForward || payload[0] !== 91) return undefined;
        payload.writeUInt32BE(value, at);
        return payload;
      }),
  };
}

/** The same greed on a connection that is forwarded, beside an honest session. */
export const GREEDY_FORWARDS: Readonly<Record<string, Omit<Greed, "host" | "isGreedyAlone">>> = {
  "takes packets of no bytes": {
    mischief: confirmingForward(PACKET, 0),
    reason: /takes packets of 0 bytes at most/,
  },
  "takes packets of one byte": {
    mischief: confirmingForward(PACKET, 1),
    reason: /takes packets of 1 bytes at most/,
  },
  "sends more than the window takes": {
    mischief: {
      ...HONEST,
      forward: (accept, wires) => {
        const channel = accept();
        channel.on("error", () => {});
        flood(wires, (channel as unknown as Insides).outgoing.id);
      },
    },
    reason: /has sent more than the window takes/,
  },
  "opens its window as wide as can be, and reads nothing": {
    mischief: confirmingForward(WINDOW, WIDEST, (wires) => wires.socket.pause()),
    isFed: true,
  },
};
