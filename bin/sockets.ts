import type { Wire } from "../src/world.ts";

// The one place that uses Bun's own socket, where node:net's would not do: it costs a client of the background process
// 2 to 3 ms less from start to greeting, and only it can be laid on a descriptor that is open already. Under Node, and
// where Bun's is not needed, node:net is the other half.

interface BunSocket {
  /** The bytes it took: fewer than were given when there is no room. */
  write(bytes: Uint8Array): number;
  pause(): void;
  resume(): void;
  shutdown(): void;
  terminate(): void;
}

interface BunHandler {
  open?(socket: BunSocket): void;
  data(socket: BunSocket, bytes: Buffer): void;
  drain?(socket: BunSocket): void;
  close(): void;
  error?(): void;
  connectError?(): void;
}

interface BunSockets {
  connect(
    options: ({ readonly unix: string } | { readonly fd: number; readonly allowHalfOpen: boolean }) & {
      readonly socket: BunHandler;
    },
  ): Promise<unknown>;
}

const { Bun: bun } = globalThis as { readonly Bun?: BunSockets };

/** Connects to a Unix socket; undefined when nobody listens there. */
export function connectWire(path: string): Promise<Wire | undefined> {
  return bun === undefined ? connectByNode(path) : connectByBun(bun, path);
}

/** Shuts a descriptor's socket down for writing, where that can be done; standard input may be the same one, and goes on. */
export function shutDownSocket(fd: number, onClosed: () => void): boolean {
  if (bun === undefined) return false;
  const socket: BunHandler = {
    // Called before connect() returns: nothing is read here that belongs to standard input.
    open(opened) {
      opened.shutdown();
      opened.terminate();
    },
    data() {},
    close: onClosed,
  };
  bun.connect({ fd, allowHalfOpen: true, socket }).catch(() => {});
  return true;
}

async function connectByBun(sockets: BunSockets, path: string): Promise<Wire | undefined> {
  const wire = new BunWire();
  try {
    await sockets.connect({ unix: path, socket: wire.handler });
    return wire;
  } catch {
    return undefined;
  }
}

/** What a wire tells whoever holds it; what comes before anybody listens is not lost: it is paused until then. */
type WireListener = Parameters<Wire["listen"]>[0];

class BunWire implements Wire {
  readonly handler: BunHandler;
  #socket: BunSocket | undefined;
  #listener: WireListener | undefined;
  #isClosed = false;
  /** What the socket had no room for. */
  #unsent: Uint8Array[] = [];

  constructor() {
    this.handler = {
      open: (socket) => {
        this.#socket = socket;
      },
      data: (_socket, bytes) => this.#listener?.data(Buffer.copyBytesFrom(bytes)),
      drain: () => this.#flush(),
      close: () => this.#closed(),
      error: () => this.#closed(),
      connectError: () => {},
    };
  }

  listen(listener: WireListener): void {
    this.#listener = listener;
    if (this.#isClosed) listener.closed();
  }

  write(bytes: Uint8Array): boolean {
    if (this.#isClosed) return true;
    if (this.#unsent.length > 0) {
      this.#unsent.push(bytes);
      return false;
    }
    return this.#send(bytes);
  }

  pause(): void {
    if (!this.#isClosed) this.#socket?.pause();
  }

  resume(): void {
    if (!this.#isClosed) this.#socket?.resume();
  }

  close(): void {
    this.#isClosed = true;
    this.#socket?.terminate();
  }

  #send(bytes: Uint8Array): boolean {
    const sent = Math.max(0, this.#socket?.write(bytes) ?? 0);
    if (sent === bytes.length) return true;
    this.#unsent.unshift(bytes.subarray(sent));
    return false;
  }

  #flush(): void {
    for (let next = this.#unsent.shift(); next !== undefined; next = this.#unsent.shift()) {
      if (!this.#send(next)) return;
    }
    this.#listener?.drained();
  }

  #closed(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#listener?.closed();
  }
}

async function connectByNode(path: string): Promise<Wire | undefined> {
  const { connect } = await import("node:net");
  const socket = connect(path);
  const isThere = await new Promise<boolean>((resolve) => {
    socket.once("connect", () => resolve(true));
    socket.on("error", () => resolve(false));
  });
  if (!isThere) return undefined;
  return {
    listen({ data, drained, closed }) {
      socket.on("data", data).on("drain", drained).once("close", closed);
    },
    write: (bytes) => !socket.writable || socket.write(bytes),
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    close: () => void socket.destroy(),
  };
}
