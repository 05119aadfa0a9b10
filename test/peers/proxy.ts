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
  /** Bytes a second that go down to each client, with a queue of any length before that. Default: as many as there are. */
  readonly rate?: number;
  /** The same for those that go up to the server. */
  readonly rateUp?: number;
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

const NOTHING = Buffer.alloc(0);

/** A TCP proxy between the program and its server. */
export interface Proxy extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  readonly connections: number;
  /** Bytes that came from clients. */
  readonly up: number;
  /** Bytes that came from the server. */
  readonly down: number;
  /** The most bytes so far that waited here on their way up. */
  readonly queuedUp: number;
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

/** A line that is slow brings its bytes evenly: what it takes in 50 ms. */
function partsOf(piece: Buffer, rate: number | undefined): readonly Buffer[] {
  const size = rate === undefined ? piece.length : Math.ceil(rate / 20);
  return Array.from({ length: Math.ceil(piece.length / size) }, (_, nth) =>
    piece.subarray(nth * size, (nth + 1) * size),
  );
}

/** Starts a proxy on a free loopback port. */
export async function startProxy(options: ProxyOptions): Promise<Proxy> {
  const state = {
    up: 0,
    down: 0,
    passed: 0,
    queuedUp: 0,
    frozen: false,
    asking: options.freezeWhen !== undefined,
  };
  const held: (() => void)[] = [];
  const sleepers: (() => void)[] = [];
  const sockets = new Set<Socket>();
  const pass = (action: () => void) => {
    if (state.frozen) held.push(action);
    else action();
  };

  const rateOf = (way: "up" | "down") => (way === "up" ? options.rateUp : options.rate);

  /** What a piece has to wait for in the queue of its connection. */
  const queueOf = (way: "up" | "down") => {
    let free = 0;
    return (piece: Buffer): number => {
      const now = performance.now();
      const rate = rateOf(way);
      const { delay = 0 } = options;
      if (rate === undefined) return delay;
      free = Math.max(now, free) + (piece.length / rate) * 1000;
      return free - now + delay;
    };
  };

  const join = (from: Socket, to: Socket, way: "up" | "down") => {
    sockets.add(from);
    const queue = queueOf(way);
    // On a machine that is busy timers of different lengths fire out of their order; bytes do not.
    const line: (() => void)[] = [];
    const later = (ms: number, action: () => void) => {
      line.push(action);
      const next = () => line.shift()?.();
      if (ms === 0) pass(next);
      // What waits when all is over keeps nobody up.
      else setTimeout(() => pass(next), ms).unref();
    };
    from.on("data", (piece: Buffer) => {
      state[way] += piece.length;
      state.queuedUp = Math.max(state.queuedUp, state.up - state.passed);
      if (state.asking && options.freezeWhen?.({ up: state.up, down: state.down, piece }) === true) {
        state.asking = false;
        state.frozen = true;
        for (const wake of sleepers.splice(0)) wake();
      }
      for (const part of partsOf(piece, rateOf(way))) {
        later(queue(part), () => {
          if (way === "up") state.passed += part.length;
          // Back-pressure is kept, so that a client which does not read stalls the server and not this proxy.
          if (to.writable && !to.write(part) && !from.isPaused()) {
            from.pause();
            to.once("drain", () => from.resume());
          }
        });
      }
    });
    from.on("end", () => later(queue(NOTHING), () => to.end()));
    from.on("error", () => later(queue(NOTHING), () => to.destroy()));
    from.on("close", () => sockets.delete(from));
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
    get queuedUp() {
      return state.queuedUp;
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
