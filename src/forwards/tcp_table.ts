/** The byte order of the machine, as os.endianness() has it. */
export type ByteOrder = "LE" | "BE";

/** One end of a TCP connection. An IPv4-mapped IPv6 address stands as the IPv4 address it means. */
export interface TcpEnd {
  readonly address: string;
  readonly port: number;
}

/** A socket in /proc/net/tcp or tcp6 (proc(5)). */
export interface TcpRow {
  readonly local: TcpEnd;
  readonly remote: TcpEnd;
  readonly isListening: boolean;
  /** Of whoever made the socket. 0 too for a socket that no process has any more. */
  readonly uid: number;
  /** Number of the socket; 0 when no process has it any more, or none has it yet. */
  readonly inode: number;
}

/** TCP_LISTEN of the kernel's include/net/tcp_states.h. */
const LISTEN = "0A";

const END = "([0-9A-F]{8}(?:[0-9A-F]{24})?):([0-9A-F]{4})";

/** sl, both ends, state, queues, timer, retransmissions, uid, timeout, inode; what comes after differs by state. */
const ROW = new RegExp(`^ *\\d+: ${END} ${END} ([0-9A-F]{2}) \\S+ \\S+ \\S+ +(\\d+) +\\d+ +(\\d+)(?: |$)`);

/** The sockets in the text of /proc/net/tcp or tcp6 that have `port` at either end. */
export function parseTcpTable(text: string, port: number, order: ByteOrder): readonly TcpRow[] {
  const needle = `:${port.toString(16).toUpperCase().padStart(4, "0")} `;
  const lines = text.split("\n").filter((line) => line.includes(needle));
  const rows = lines.map((line) => parseRow(line, order)).filter((row) => row !== undefined);
  return rows.filter(({ local, remote }) => local.port === port || remote.port === port);
}

function parseRow(line: string, order: ByteOrder): TcpRow | undefined {
  const [, local = "", localPort = "", remote = "", remotePort = "", state, uid, inode] =
    ROW.exec(line) ?? [];
  if (state === undefined) return undefined;
  return {
    local: { address: addressOf(local, order), port: Number.parseInt(localPort, 16) },
    remote: { address: addressOf(remote, order), port: Number.parseInt(remotePort, 16) },
    isListening: state === LISTEN,
    uid: Number(uid),
    inode: Number(inode),
  };
}

/**
 * The kernel prints each 32-bit word of an address as the machine reads it, so that the bytes of a word stand
 * in reverse on a little-endian machine and in their order on a big-endian one.
 */
function addressOf(hex: string, order: ByteOrder): string {
  const bytes = Buffer.from(hex, "hex");
  if (order === "LE") bytes.swap32();
  if (bytes.length === 4) return bytes.join(".");
  // RFC 4291 section 2.5.5.2.
  if (bytes.toString("hex").startsWith("00000000000000000000ffff")) return bytes.subarray(12).join(".");
  return shortened(Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2).toString(16)));
}

/** As Node writes IPv6 addresses: the first of the longest runs of zeros as `::` (RFC 5952 section 4.2). */
function shortened(groups: readonly string[]): string {
  const text = groups.join(":");
  const runs = text.match(/\b0(?::0)+\b/g) ?? [];
  const longest = runs.reduce((best, run) => (run.length > best.length ? run : best), "");
  if (longest === "") return text;
  const at = text.search(new RegExp(`\\b${longest}\\b`));
  const before = text.slice(0, at).replace(/:$/, "");
  const after = text.slice(at + longest.length).replace(/^:/, "");
  return `${before}::${after}`;
}
