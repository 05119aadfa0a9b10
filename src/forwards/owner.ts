import type { SocketTables } from "./socket_tables.ts";
import type { TcpEnd, TcpRow } from "./tcp_table.ts";

/** Whose a connection is. */
export type Owner =
  | { readonly kind: "uid"; readonly uid: number }
  /** It cannot be told, and why: to be refused. */
  | { readonly kind: "untold"; readonly why: string }
  /** This system has no table to tell it from: for the caller to decide. */
  | { readonly kind: "no-table" };

/** An accepted connection on this machine: the client's end, and the end that was listened on. */
export interface Accepted {
  readonly peer: TcpEnd;
  readonly own: TcpEnd;
}

/** A table is read in pieces while sockets come and go: a row can be missed (net/ipv4/tcp_ipv4.c, tcp_seq_next). */
const READINGS = 3;

/**
 * Whose process is at the other end of a connection on this machine. The client's socket has a row of its own in the
 * kernel's table; it is matched at both ends, for one port of a client may be used to several destinations. An
 * IPv6 socket that is connected to an IPv4 address stands in tcp6. A socket whose process has let go of it shows uid
 * 0, whoever it was: its inode of 0 gives it away. So a client that closes within a millisecond, which none does that
 * waits for a greeting, is refused; a reading without a wait in the accept handler would let 1 in 100 of them in.
 */
export async function connectionOwner(tables: SocketTables, { peer, own }: Accepted): Promise<Owner> {
  if (!tables.exist) return { kind: "no-table" };
  let why = "";
  for (let reading = 0; reading < READINGS; reading++) {
    let rows: readonly TcpRow[];
    try {
      rows = await tables.tcp(own.port);
    } catch (error) {
      return { kind: "untold", why: `the table of sockets cannot be read: ${(error as Error).message}` };
    }
    const theirs = rows.filter((row) => isSame(row.local, peer) && isSame(row.remote, own));
    const ours = rows.filter((row) => isSame(row.local, own) && isSame(row.remote, peer));
    if (theirs.some((row) => row.inode === 0)) return { kind: "untold", why: "its process has let go of it" };
    const [first] = theirs;
    // Our end too: without it the connection is over, and the client's ports may be another's already.
    if (first !== undefined && ours.some((row) => row.inode !== 0)) {
      if (theirs.every((row) => row.uid === first.uid)) return { kind: "uid", uid: first.uid };
      return { kind: "untold", why: "several sockets claim to be its other end" };
    }
    why = first === undefined ? "its other end is not on this machine" : "it is over";
  }
  return { kind: "untold", why };
}

function isSame(one: TcpEnd, other: TcpEnd): boolean {
  return one.port === other.port && one.address === other.address;
}

/** The loopback addresses that a forward listens on. */
export type Loopback = "127.0.0.1" | "::1";

/** Who listens where connections to a loopback address go. */
export interface Holder {
  readonly uid: number;
  readonly inodes: readonly number[];
}

/** Addresses that a listener may have to get the connections to a loopback address, the closest one first. */
const COVERS: Readonly<Record<Loopback, readonly string[]>> = {
  "127.0.0.1": ["127.0.0.1", "0.0.0.0", "::"],
  "::1": ["::1", "::"],
};

/**
 * Who listens on a port of a loopback address; undefined for nobody. A listener on `::` counts for both, which it is
 * unless it is for IPv6 only: the table does not say. Throws where the tables cannot be read.
 */
export async function holderOf(
  tables: SocketTables,
  address: Loopback,
  port: number,
): Promise<Holder | undefined> {
  const rows = await tables.tcp(port);
  for (const cover of COVERS[address]) {
    const listeners = rows.filter((row) => row.isListening && isSame(row.local, { address: cover, port }));
    const [first] = listeners;
    // Several sockets on one port are of one user (SO_REUSEPORT, socket(7)).
    if (first !== undefined) return { uid: first.uid, inodes: listeners.map((row) => row.inode) };
  }
  return undefined;
}
