import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { poll } from "./waiting.ts";

/** A TCP listener on a loopback port, which counts. */
export interface Listener extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  /** Connections accepted so far. */
  readonly connections: number;
  /** Connections open now. */
  readonly open: number;
  /** Bytes received so far, from all. */
  readonly received: number;
  /** Waits for the n-th connection. */
  connected(n?: number): Promise<void>;
  /** Waits until none is open. */
  idle(limit?: number): Promise<void>;
}

/** What to do with a connection. */
export type Service = (socket: Socket) => void;

/** Where to listen. */
export interface ListenOptions {
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Default: any free one. */
  readonly port?: number;
}

/** Starts a listener; whatever a client sends is read and thrown away unless `service` reads it. */
export async function listen(service: Service, options: ListenOptions = {}): Promise<Listener> {
  const host = options.host ?? "127.0.0.1";
  const sockets = new Set<Socket>();
  const counted = { connections: 0, received: 0 };
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    counted.connections++;
    sockets.add(socket);
    socket.on("data", (chunk) => {
      counted.received += chunk.length;
    });
    socket.on("error", () => {}).on("close", () => sockets.delete(socket));
    service(socket);
  });
  server.listen(options.port ?? 0, host);
  await once(server, "listening");
  const seen = () => `${counted.connections} connections, ${sockets.size} open`;
  return {
    host,
    port: portOf(server),
    get connections() {
      return counted.connections;
    },
    get open() {
      return sockets.size;
    },
    get received() {
      return counted.received;
    },
    connected: (n = 1) =>
      poll(() => counted.connections >= n, `connection ${n} to ${host}:${portOf(server)}`, seen).then(
        () => {},
      ),
    idle: (limit) => poll(() => sockets.size === 0, "the end of all connections", seen, limit).then(() => {}),
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("not listening on a port");
  return address.port;
}

/** Accepts and never says a word; ends when the client does. */
export function silentServer(options?: ListenOptions): Promise<Listener> {
  return listen((socket) => void socket.on("end", () => socket.end()), options);
}

/** Says `text` to everybody and then nothing more. */
export function speakingServer(text: string, options?: ListenOptions): Promise<Listener> {
  return listen((socket) => {
    socket.on("end", () => socket.end());
    socket.write(text, "latin1");
  }, options);
}

/** Accepts and closes at once, in order. */
export function closingServer(options?: ListenOptions): Promise<Listener> {
  return listen((socket) => void socket.end(), options);
}

/** Accepts and resets at once. */
export function resettingServer(options?: ListenOptions): Promise<Listener> {
  return listen((socket) => void socket.resetAndDestroy(), options);
}

/** A loopback port on which nobody listens: connections are refused. */
export async function refusingPort(): Promise<number> {
  await using listener = await silentServer();
  return listener.port;
}
