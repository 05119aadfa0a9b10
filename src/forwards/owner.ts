import type { SocketTables } from "./socket_tables.ts";
import type { Search, Sought, TcpEnd, TcpRow } from "./tcp_table.ts";

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
 * Connections whose owner is asked for at once. A reading takes some milliseconds: more than this come meanwhile only
 * where somebody means harm, and each has a descriptor, of which mailboxes need some too.
 */
const MOST_ASKED = 2000;

interface Asked {
  readonly connection: Accepted;
  readonly tell: (owner: Owner) => void;
  /** Readings that did not tell. */
  readings: number;
  /** The client's rows, and ours, in the reading that runs. */
  theirs: Sought;
  ours: Sought;
}

const NOTHING: Sought = { rows: [] };

/**
 * Whose process is at the other end of a connection on this machine. The client's socket has a row of its own in the
 * kernel's table; it is matched at both ends, for one port of a client may be used to several destinations. An
 * IPv6 socket that is connected to an IPv4 address stands in tcp6. A socket whose process has let go of it shows uid
 * 0, whoever it was: its inode of 0 gives it away. So a client that closes within a millisecond, which none does that
 * waits for a greeting, is refused; a reading without a wait in the accept handler would let 1 in 100 of them in.
 */
export class Owners {
  readonly #tables: SocketTables;
  /** For the next reading. */
  #asked: Asked[] = [];
  /** Those of this reading. */
  #read: readonly Asked[] = [];
  #isReading = false;

  constructor(tables: SocketTables) {
    this.#tables = tables;
  }

  /** Asks for the owner of a connection; one reading of the table is for all who have asked before it. */
  find(connection: Accepted, tell: (owner: Owner) => void): void {
    if (!this.#tables.exist) tell({ kind: "no-table" });
    else if (this.#asked.length + this.#read.length >= MOST_ASKED) {
      tell({ kind: "untold", why: `${MOST_ASKED} other connections are being checked` });
    } else {
      this.#asked.push({ connection, tell, readings: 0, theirs: NOTHING, ours: NOTHING });
      if (!this.#isReading) void this.#answer();
    }
  }

  async #answer(): Promise<void> {
    this.#isReading = true;
    while (this.#asked.length > 0) {
      try {
        await this.#tables.tcp((search) => this.#begin(search));
        for (const asked of this.#read) this.#settle(asked);
      } catch (error) {
        const why = `the table of sockets cannot be read: ${(error as Error).message}`;
        for (const { tell } of this.#read) tell({ kind: "untold", why });
      }
      this.#read = [];
    }
    this.#isReading = false;
  }

  #begin(search: Search): void {
    this.#read = this.#asked;
    this.#asked = [];
    for (const asked of this.#read) {
      const { own, peer } = asked.connection;
      asked.ours = search.add(own, peer);
      asked.theirs = search.add(peer, own);
    }
  }

  #settle(asked: Asked): void {
    const { owner, why } = ownerOf(asked.theirs.rows, asked.ours.rows);
    asked.readings++;
    if (owner !== undefined) asked.tell(owner);
    else if (asked.readings === READINGS) asked.tell({ kind: "untold", why });
    else this.#asked.push(asked);
  }
}

/** What a reading tells about a connection; without an owner another reading may tell. */
interface Found {
  readonly owner?: Owner;
  readonly why: string;
}

function ownerOf(theirs: readonly TcpRow[], ours: readonly TcpRow[]): Found {
  const [first] = theirs;
  if (first === undefined) return { why: "its other end is not on this machine" };
  if (theirs.some((row) => row.inode === 0)) return untold("its process has closed it");
  // Our end too: without it the connection is over, and the client's ports may be another's already.
  if (!ours.some((row) => row.inode !== 0)) return { why: "it has ended" };
  if (theirs.every(({ uid }) => uid === first.uid))
    return { owner: { kind: "uid", uid: first.uid }, why: "" };
  return untold("several sockets claim to be its other end");
}

function untold(why: string): Found {
  return { owner: { kind: "untold", why }, why };
}

/** The loopback addresses that a forward listens on. */
export type Loopback = "127.0.0.1" | "::1";

/** Who listens where connections to a loopback address go. */
export interface Listener {
  readonly uid: number;
  readonly inodes: readonly number[];
}

/** Addresses that a listener may have to get the connections to a loopback address, the closest one first. */
const COVERS: Readonly<Record<Loopback, readonly string[]>> = {
  "127.0.0.1": ["127.0.0.1", "0.0.0.0", "::"],
  "::1": ["::1", "::"],
};

/** The far end of a listener, by the family of its own. */
const ANYBODY = { 4: { address: "0.0.0.0", port: 0 }, 6: { address: "::", port: 0 } } as const;

/**
 * Who listens on a port of a loopback address; undefined for nobody. A listener on `::` counts for both, which it is
 * unless it is for IPv6 only: the table does not say. Throws where the tables cannot be read.
 */
export async function listenerOf(
  tables: SocketTables,
  address: Loopback,
  port: number,
): Promise<Listener | undefined> {
  let covers: readonly Sought[] = [];
  await tables.tcp((search) => {
    covers = COVERS[address].map((cover) =>
      search.add({ address: cover, port }, ANYBODY[cover.includes(":") ? 6 : 4]),
    );
  });
  for (const { rows } of covers) {
    const listeners = rows.filter((row) => row.isListening);
    const [first] = listeners;
    // Several sockets on one port are of one user (SO_REUSEPORT, socket(7)).
    if (first !== undefined) return { uid: first.uid, inodes: listeners.map((row) => row.inode) };
  }
  return undefined;
}
