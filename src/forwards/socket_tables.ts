import { access, constants, open, readFile } from "node:fs/promises";
import { endianness, platform } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { type ByteOrder, Search } from "./tcp_table.ts";
import { parseUnixTable, type UnixRow } from "./unix_table.ts";

/** Where the tables are, for tests. */
export interface TablesOptions {
  /** Default: /proc. */
  readonly proc?: string;
  /** Default: the machine's. */
  readonly platform?: NodeJS.Platform;
  /** Default: the machine's. */
  readonly order?: ByteOrder;
}

/** Bytes that are read at once: a socket has 150 of them. */
const PIECE = 64 * 1024;

/** The kernel's tables of sockets: Linux has them in /proc/net, other systems do not say. */
export class SocketTables {
  readonly proc: string;
  /** Whether this system has such tables; false means that nobody can be told by them. */
  readonly exist: boolean;
  readonly #order: ByteOrder;
  readonly #piece = Buffer.allocUnsafe(PIECE);
  #running: Promise<unknown> = Promise.resolve();
  #next: Reading | undefined;

  constructor(options: TablesOptions = {}) {
    this.proc = options.proc ?? "/proc";
    this.exist = (options.platform ?? platform()) === "linux";
    this.#order = options.order ?? endianness();
  }

  /**
   * Looks for TCP sockets as they are from now on. `ask` says which ones, when a reading begins, and has them when it is over; all who wait for it
   * share it. Throws where the tables cannot be read.
   */
  tcp(ask: (search: Search) => void): Promise<void> {
    this.#next ??= this.#planned();
    this.#next.asks.push(ask);
    return this.#next.done;
  }

  /** Whether it can be told by them whose a connection is: /proc may not be mounted. */
  async canTell(): Promise<boolean> {
    if (!this.exist) return false;
    return access(join(this.proc, "net/tcp"), constants.R_OK).then(
      () => true,
      () => false,
    );
  }

  /** The Unix sockets that listen; none where they cannot be read. */
  async unix(): Promise<readonly UnixRow[]> {
    return parseUnixTable(await readFile(join(this.proc, "net/unix"), "utf8").catch(() => ""));
  }

  /**
   * One reading at a time. It rests as long as the last one took: whoever makes thousands of connections has half of
   * the time at most.
   */
  #planned(): Reading {
    const asks: Reading["asks"] = [];
    const done = this.#running.then(() => {
      this.#next = undefined;
      const search = new Search(this.#order);
      for (const ask of asks) ask(search);
      const began = performance.now();
      const reading = this.#read(search);
      this.#running = reading.catch(() => {}).then(() => pause(performance.now() - began));
      return reading;
    });
    return { asks, done };
  }

  async #read(search: Search): Promise<void> {
    await this.#scan("net/tcp", search);
    // A kernel without IPv6 does not have this one.
    await this.#scan("net/tcp6", search).catch(unlessMissing);
  }

  /** In pieces: there are as many lines as anybody on this machine likes to have sockets. */
  async #scan(name: string, search: Search): Promise<void> {
    const piece = this.#piece;
    const file = await open(join(this.proc, name));
    try {
      for (let kept = 0, length = -1; length !== 0; ) {
        length = (await file.read(piece, kept, PIECE - kept, null)).bytesRead;
        const end = kept + length;
        const whole = length === 0 ? end : piece.subarray(0, end).lastIndexOf("\n") + 1;
        search.take(piece.subarray(0, whole));
        piece.copyWithin(0, whole, end);
        kept = end - whole;
      }
    } finally {
      await file.close();
    }
  }
}

/** A reading that has not begun. */
interface Reading {
  readonly asks: ((search: Search) => void)[];
  readonly done: Promise<void>;
}

function unlessMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== "ENOENT") throw error;
}
