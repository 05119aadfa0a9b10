import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import type { Socket } from "node:net";
import { join } from "node:path";
import ssh2, { type Connection, type ServerChannel, type ServerConfig, type Session } from "ssh2";
import { hostKeyName, makeKey } from "../../peers/keys.ts";
import type { Sshd } from "../../peers/sshd.ts";
import { makeTemporary, removeTemporary } from "../../peers/temporary.ts";

/** A server that is known and then does as it likes; it has all that leads to it. */
export interface Servant
  extends AsyncDisposable,
    Pick<Sshd, "host" | "port" | "user" | "identity" | "knownHosts"> {
  /** Its end of the connections so far. */
  readonly sockets: readonly Socket[];
}

/** Where it may be told to misbehave. Each is called with ssh2's own objects. */
export interface Mischief {
  /** Somebody has connected. */
  readonly accepted?: (client: Connection, wires: Wires) => void;
  /** Keys have been exchanged: every packet from now on can be changed by changePackets(). */
  readonly recognised?: (client: Connection, wires: Wires) => void;
  /** What ssh2's server is given beside its key. */
  readonly config?: Partial<ServerConfig>;
  /** What a session does; default: it greets, says a word on stderr, and ends with status 3. */
  readonly session?: (session: Session, wires: Wires) => void;
  /** What becomes of a connection that is forwarded; default: all that it says is said back. */
  readonly forward?: (accept: () => ServerChannel, wires: Wires) => void;
}

/** What of ssh2's insides is needed to send what it would never send. */
export interface Wires {
  /** Changes the payload of each packet before it is encrypted; undefined leaves it as it is. */
  changePackets(change: (payload: Buffer) => Buffer | undefined): void;
  /** Sends a packet of one's own. */
  sendPayload(payload: Buffer): void;
  /** Sends one that is compressed where that was agreed on. */
  sendCompressed(payload: Buffer): void;
  /** The same as sendPayload(), with the whole packet, before it is encrypted, to be changed. */
  sendPacket(payload: Buffer, change: (packet: Buffer) => void): void;
  readonly socket: Socket;
}

interface Cipher {
  allocPacket(length: number): Buffer;
  encrypt(packet: Buffer): void;
}

interface Insides {
  readonly _protocol: {
    readonly _cipher: Cipher;
    readonly _packetRW: {
      readonly write: {
        readonly allocStart: number;
        alloc(size: number): Buffer;
        finalize(packet: Buffer): Buffer;
      };
    };
  };
  readonly _sock: Socket;
}

/** Starts one on a free loopback port. It takes every user with every key. */
export async function startServant(mischief: Mischief): Promise<Servant> {
  const folder = makeTemporary();
  const hostKey = makeKey(join(folder, "host"));
  const { path: identity } = makeKey(join(folder, "id"));
  const sockets: Socket[] = [];
  const server = new ssh2.Server({ hostKeys: [readFileSync(hostKey.path)], ...mischief.config }, (client) => {
    const wires = wiresOf(client);
    sockets.push(wires.socket);
    wires.socket.setNoDelay(true);
    mischief.accepted?.(client, wires);
    client.on("error", () => {});
    client.on("handshake", () => mischief.recognised?.(client, wires));
    client.on("authentication", (context) => context.accept());
    client.on("session", (accept) => (mischief.session ?? greet)(accept(), wires));
    client.on("tcpip", (accept) => (mischief.forward ?? sayBack)(accept, wires));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("not listening on a port");
  const { port } = address;
  const knownHosts = join(folder, "known_hosts");
  writeFileSync(knownHosts, `${hostKeyName("127.0.0.1", port)} ${hostKey.line}\n`);
  return {
    ...{ host: "127.0.0.1", port, user: "jane", identity, knownHosts, sockets },
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      removeTemporary(folder);
    },
  };
}

/** The end of a string of the wire format. */
export function wireString(text: string | Buffer): Buffer {
  const bytes = Buffer.from(text);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

function sayBack(accept: () => ServerChannel): void {
  const channel = accept();
  channel.on("error", () => {});
  channel.pipe(channel);
}

function greet(session: Session): void {
  session.on("exec", (accept) => {
    const channel = accept();
    channel.write("* PREAUTH ready\r\n");
    channel.stderr.write("a word\n");
    channel.exit(3);
    channel.end();
  });
}

function wiresOf(client: Connection): Wires {
  const { _protocol: protocol, _sock: socket } = client as unknown as Insides;
  return {
    socket,
    changePackets(change) {
      const cipher = protocol._cipher;
      const encrypt = cipher.encrypt.bind(cipher);
      cipher.encrypt = (packet) => {
        // RFC 4253 section 6: the length, the padding's length, the payload, the padding; a MAC may follow.
        const payload = packet.subarray(5, 4 + packet.readUInt32BE() - (packet[4] ?? 0));
        const changed = change(Buffer.from(payload));
        encrypt(changed === undefined ? packet : enclosed(cipher, changed));
      };
    },
    sendPayload: (payload) => protocol._cipher.encrypt(enclosed(protocol._cipher, payload)),
    sendCompressed: (payload) => {
      const { write } = protocol._packetRW;
      const packet = write.alloc(payload.length);
      packet.set(payload, write.allocStart);
      protocol._cipher.encrypt(write.finalize(packet));
    },
    sendPacket: (payload, change) => {
      const packet = enclosed(protocol._cipher, payload);
      change(packet);
      protocol._cipher.encrypt(packet);
    },
  };
}

function enclosed(cipher: Cipher, payload: Buffer): Buffer {
  const packet = cipher.allocPacket(payload.length);
  packet.set(payload, 5);
  return packet;
}
