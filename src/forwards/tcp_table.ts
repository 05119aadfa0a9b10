/** The byte order of the machine, as os.endianness() has it. */
export type ByteOrder = "LE" | "BE";

/** One end of a TCP connection. An IPv4-mapped IPv6 address is the IPv4 address it means. */
export interface TcpEnd {
  readonly address: string;
  readonly port: number;
}

/** A socket in /proc/net/tcp or tcp6 (proc(5)), as far as its two ends do not tell. */
export interface TcpRow {
  readonly isListening: boolean;
  /** Of whoever made the socket. 0 too for a socket that no process has any more. */
  readonly uid: number;
  /** Number of the socket; 0 when no process has it any more, or none has it yet. */
  readonly inode: number;
}

/** The rows with two ends, as far as they were read. */
export interface Sought {
  rows: readonly TcpRow[];
}

/** With its addresses as the kernel prints them, and another one between the same ports. */
interface Wanted extends Sought {
  readonly local: string;
  readonly remote: string;
  readonly next: Wanted | undefined;
}

/** TCP_LISTEN of the kernel's include/net/tcp_states.h. */
const LISTEN = "0A";

/** What comes after the ends: state, queues, timer, retransmissions, uid, timeout, inode; the rest differs by state. */
const REST = /^ ([0-9A-F]{2}) \S+ \S+ \S+ +(\d+) +\d+ +(\d+)(?: |$)/;

/** Of an IPv6 address that means an IPv4 one (RFC 4291 section 2.5.5.2), as the kernel prints it. */
const MAPPED: Readonly<Record<ByteOrder, string>> = {
  LE: "0000000000000000FFFF0000",
  BE: "00000000000000000000FFFF",
};

/** Characters of an address, by its family, and of `:PORT`. */
const [FOUR, SIX, PORT] = [8, 32, 5];

const [NEWLINE, COLON] = [0x0a, 0x3a];

/**
 * What one reading of the tables is for. Of a busy machine's thousands of lines few are looked at: no text is made of
 * one before the ports at its ends are some that are asked for.
 */
export class Search {
  readonly #order: ByteOrder;
  readonly #wanted = new Map<number, Wanted>();

  constructor(order: ByteOrder) {
    this.#order = order;
  }

  /** Asks for the rows with these ends. To be called before the first take(). */
  add(local: TcpEnd, remote: TcpEnd): Sought {
    const ports = both(local.port, remote.port);
    const wanted = {
      local: hexOf(local.address, this.#order),
      remote: hexOf(remote.address, this.#order),
      rows: NONE,
      next: this.#wanted.get(ports),
    };
    this.#wanted.set(ports, wanted);
    return wanted;
  }

  /** Takes whole lines of /proc/net/tcp or tcp6. */
  take(lines: Buffer): void {
    for (let start = 0, end = 0; start < lines.length; start = end + 1) {
      end = lines.indexOf(NEWLINE, start);
      if (end < 0) end = lines.length;
      const local = lines.indexOf(COLON, start) + 2;
      const width = lines[local + FOUR] === COLON ? FOUR : SIX;
      const remote = local + width + PORT + 1;
      if (local < 2 || remote + width + PORT > end) continue;
      const ports = both(portAt(lines, local + width + 1), portAt(lines, remote + width + 1));
      const wanted = this.#wanted.get(ports);
      if (wanted !== undefined) this.#takeRow(lines.toString("latin1", local, end), width, wanted);
    }
  }

  #takeRow(line: string, width: number, first: Wanted): void {
    const second = width + PORT + 1;
    const local = plain(line.slice(0, width), this.#order);
    const remote = plain(line.slice(second, second + width), this.#order);
    const [, state, uid, inode] = REST.exec(line.slice(second + width + PORT)) ?? [];
    if (state === undefined) return;
    const row = { isListening: state === LISTEN, uid: Number(uid), inode: Number(inode) };
    for (let wanted: Wanted | undefined = first; wanted !== undefined; wanted = wanted.next) {
      if (wanted.local === local && wanted.remote === remote) wanted.rows = [...wanted.rows, row];
    }
  }
}

const NONE: readonly TcpRow[] = [];

function both(local: number, remote: number): number {
  return local * 0x10000 + remote;
}

/** Four hexadecimal digits, as the kernel writes them. */
function portAt(bytes: Buffer, at: number): number {
  let port = 0;
  for (let index = at; index < at + 4; index++) {
    const code = bytes[index] ?? 0;
    port = port * 16 + (code < 0x41 ? code - 0x30 : code - 0x37);
  }
  return port;
}

function plain(address: string, order: ByteOrder): string {
  return address.startsWith(MAPPED[order]) ? address.slice(MAPPED[order].length) : address;
}

/** Addresses as they were written last: nearly every connection is between the same two. */
const written: Readonly<Record<ByteOrder, Map<string, string>>> = { LE: new Map(), BE: new Map() };
const MOST_WRITTEN = 100;

/**
 * The kernel prints each 32-bit word of an address as the machine reads it, so that the bytes of a word stand
 * in reverse on a little-endian machine and in their order on a big-endian one.
 */
function hexOf(address: string, order: ByteOrder): string {
  const known = written[order].get(address);
  if (known !== undefined) return known;
  const bytes = bytesOf(address);
  if (order === "LE") bytes.swap32();
  const hex = plain(bytes.toString("hex").toUpperCase(), order);
  if (written[order].size === MOST_WRITTEN) written[order].clear();
  written[order].set(address, hex);
  return hex;
}

/** An address of IPv4 or IPv6 as Node writes it, with the last 32 bits of a mapped one as IPv4. */
function bytesOf(address: string): Buffer {
  if (!address.includes(":")) return Buffer.from(address.split(".").map(Number));
  const [head = "", tail = ""] = address.split("::").map(groupsOf);
  return Buffer.from(`${head}${"0".repeat(Math.max(0, SIX - head.length - tail.length))}${tail}`, "hex");
}

function groupsOf(text: string): string {
  const groups = text.split(":").filter((group) => group !== "");
  return groups
    .map((group) => (group.includes(".") ? bytesOf(group).toString("hex") : group.padStart(4, "0")))
    .join("");
}
