import { readFile } from "node:fs/promises";
import { endianness, platform } from "node:os";
import { join } from "node:path";
import { type ByteOrder, parseTcpTable, type TcpRow } from "./tcp_table.ts";
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

interface Texts {
  readonly tcp: string;
  readonly tcp6: string;
}

/** The kernel's tables of sockets: Linux has them in /proc/net, other systems do not say. */
export class SocketTables {
  readonly proc: string;
  /** Whether this system has such tables; false means that nobody can be told by them. */
  readonly exist: boolean;
  readonly #order: ByteOrder;
  #running: Promise<unknown> = Promise.resolve();
  #next: Promise<Texts> | undefined;

  constructor(options: TablesOptions = {}) {
    this.proc = options.proc ?? "/proc";
    this.exist = (options.platform ?? platform()) === "linux";
    this.#order = options.order ?? endianness();
  }

  /** The TCP sockets with `port` at either end, as they are now. Throws where the tables cannot be read. */
  async tcp(port: number): Promise<readonly TcpRow[]> {
    const { tcp, tcp6 } = await this.#read();
    return [...parseTcpTable(tcp, port, this.#order), ...parseTcpTable(tcp6, port, this.#order)];
  }

  /** The Unix sockets that listen; none where they cannot be read. */
  async unix(): Promise<readonly UnixRow[]> {
    return parseUnixTable(await readFile(join(this.proc, "net/unix"), "utf8").catch(() => ""));
  }

  /**
   * One reading at a time, and all who ask while it runs share the one after it, which then began after they had
   * asked: a user who makes thousands of connections costs little more than one who makes a few.
   */
  #read(): Promise<Texts> {
    this.#next ??= this.#running.then(() => {
      const texts = this.#readBoth();
      this.#running = texts.catch(() => {});
      this.#next = undefined;
      return texts;
    });
    return this.#next;
  }

  async #readBoth(): Promise<Texts> {
    const [tcp, tcp6] = await Promise.all([
      readFile(join(this.proc, "net/tcp"), "latin1"),
      // A kernel without IPv6 does not have this one.
      readFile(join(this.proc, "net/tcp6"), "latin1").catch(unlessMissing),
    ]);
    return { tcp, tcp6 };
  }
}

function unlessMissing(error: NodeJS.ErrnoException): string {
  if (error.code === "ENOENT") return "";
  throw error;
}
