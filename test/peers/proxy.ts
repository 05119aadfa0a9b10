import { connect, type Socket } from "node:net";
import { type Listener, listen } from "./tcp.ts";
import { within } from "./waiting.ts";

export interface ProxyOptions {
  /** Where it passes connections on to. */
  readonly to: { readonly host: string; readonly port: number };
  /** Where it listens; default: any free port. */
  readonly port?: number;
  /** Milliseconds by which it delays each direction. */
  readonly delay?: number;
  /** Asked before each piece is passed on; the first true freezes the proxy, with this piece held back. */
  readonly freezeWhen?: (seen: Traffic) => boolean;
}

/** Bytes so far, including the piece in hand: up is from the client to the server. */
export interface Traffic {
  readonly up: number;
  readonly down: number;
  /** The piece in hand. */
  readonly piece: Buffer;
}

/** A TCP proxy between the program and its server. */
export interface Proxy extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  readonly connections: number;
  /** Bytes that came from clients. */
  readonly up: number;
  /** Bytes that came from the server. */
  readonly down: number;
  readonly frozen: boolean;
  /** Passes nothing on any more, ends neither: a network that has gone away. */
  freeze(): void;
  /** The end of freeze(): what was held back is passed on. */
  thaw(): void;
  /** Resets both ends of every connection. */
  cut(): void;
  /** Waits until freezeWhen has said true. */
  froze(): Promise<void>;
  /** Waits for the n-th connection. */
  connected(n?: number): Promise<void>;
  /** Waits until no client is connected. */
  idle(limit?: number): Promise<void>;
}

/** Starts a proxy on a free loopback port. */
export async function startProxy(options: ProxyOptions): Promise<Proxy> {
  const state = { up: 0, down: 0, frozen: false, asking: options.freezeWhen !== undefined };
  const held: (() => void)[] = [];
  const sleepers: (() => void)[] = [];
  const sockets = new Set<Socket>();
  const pass = (action: () => void) => {
    if (state.frozen) held.push(action);
    else action();
  };

  const join = (from: Socket, to: Socket, way: "up" | "down") => {
    sockets.add(from);
    from.on("data", (piece: Buffer) => {
      state[way] += piece.length;
      if (state.asking && options.freezeWhen?.({ up: state.up, down: state.down, piece }) === true) {
        state.asking = false;
        state.frozen = true;
        for (const wake of sleepers.splice(0)) wake();
      }
      later(() => {
        // Back-pressure is kept, so that a client which does not read stalls the server and not this proxy.
        if (to.writable && !to.write(piece) && !from.isPaused()) {
          from.pause();
          to.once("drain", () => from.resume());
        }
      });
    });
    from.on("end", () => later(() => to.end()));
    from.on("error", () => later(() => to.destroy()));
    from.on("close", () => sockets.delete(from));
  };
  const later = (action: () => void) => {
    if (options.delay === undefined) pass(action);
    else setTimeout(() => pass(action), options.delay);
  };

  const listener: Listener = await listen((client) => {
    const server = connect({ ...options.to, allowHalfOpen: true, noDelay: true });
    join(client, server, "up");
    join(server, client, "down");
  }, options);
  const end = () => {
    for (const socket of sockets) {
      // A socket that has been ended cannot be reset (uv_tcp_close_reset: EINVAL), and Node 20 then never exits.
      if (socket.writableEnded) socket.destroy();
      else socket.resetAndDestroy();
    }
  };
  return {
    host: listener.host,
    port: listener.port,
    get connections() {
      return listener.connections;
    },
    get up() {
      return state.up;
    },
    get down() {
      return state.down;
    },
    get frozen() {
      return state.frozen;
    },
    freeze: () => {
      state.frozen = true;
    },
    thaw: () => {
      state.frozen = false;
      for (const action of held.splice(0)) action();
    },
    cut: end,
    froze: () =>
      within(
        new Promise((resolve) => (state.asking ? sleepers.push(resolve) : resolve())),
        "the proxy to freeze",
        () => `${state.up} bytes up, ${state.down} down`,
      ),
    connected: (n) => listener.connected(n),
    idle: (limit) => listener.idle(limit),
    [Symbol.asyncDispose]: async () => {
      end();
      await listener[Symbol.asyncDispose]();
    },
  };
}
