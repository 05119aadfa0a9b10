import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Carry, OpenSession } from "../../../src/forwards/carry.ts";
import { SocketTables } from "../../../src/forwards/socket_tables.ts";
import { Traffic } from "../../../src/forwards/traffic.ts";
import type { Forward } from "../../../src/table/table.ts";
import { type Listener, listen } from "../../peers/tcp.ts";
import { within } from "../../peers/waiting.ts";
import { forwardOf, noSessions, OWN, sessionForward } from "./fixtures.ts";
import { carryByTcp } from "./tcp_carrier.ts";

/** A forward without its own listening: what is between a client and a target. */
export interface Stage extends AsyncDisposable {
  readonly traffic: Traffic;
  readonly notes: readonly string[];
  /** Streams that the carrier has given. */
  readonly far: readonly Duplex[];
  readonly port: number;
  /** Connections accepted so far. */
  readonly accepted: readonly Socket[];
}

export interface Setting {
  readonly to: { readonly host: string; readonly port: number };
  readonly carry?: Carry;
  /** Where connections are sessions instead. */
  readonly open?: OpenSession;
  readonly tables?: SocketTables;
  readonly allow?: Forward["allow"];
  readonly uid?: number;
  /** Where to listen. Default: 127.0.0.1. */
  readonly host?: string;
  readonly path?: string;
  /** Sees the accepted sockets before the last one is handed on. */
  readonly before?: (accepted: readonly Socket[]) => void;
}

/** Connections to a place of the test's own, handed to Traffic as a forward does. */
export async function stage({
  to,
  host = "127.0.0.1",
  path,
  allow = "same-user",
  ...rest
}: Setting): Promise<Stage> {
  const notes: string[] = [];
  const far: Duplex[] = [];
  const accepted: Socket[] = [];
  const inner = rest.carry ?? carryByTcp;
  const carry: Carry = async (target, origin) => {
    const stream = await inner(target, origin);
    far.push(stream);
    return stream;
  };
  const tables = rest.tables ?? new SocketTables();
  const traffic = new Traffic({
    carry,
    open: rest.open ?? noSessions,
    tables,
    uid: rest.uid ?? OWN,
    note: (line) => notes.push(line),
  });
  const listens = { listen: path ?? 2025, allow };
  const forward = rest.open === undefined ? forwardOf({ to, ...listens }) : sessionForward(listens);
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
    accepted.push(socket);
    rest.before?.(accepted);
    traffic.accept(forward, socket);
  });
  if (path === undefined) server.listen(0, host);
  else server.listen(path);
  await once(server, "listening");
  const address = server.address();
  return {
    traffic,
    notes,
    far,
    accepted,
    port: typeof address === "object" && address !== null ? address.port : 0,
    [Symbol.asyncDispose]: async () => {
      traffic.close();
      server.close();
      await within(traffic.idle(), "the end of the traffic");
    },
  };
}

/** Says back, when the client has ended, what it has said. */
export function echo(): Promise<Listener> {
  return listen((socket) => {
    const chunks: Buffer[] = [];
    socket.on("data", (chunk) => chunks.push(chunk));
    socket.on("end", () => socket.end(Buffer.concat(chunks)));
  });
}

/** All that a client receives until the end or a reset. */
export async function received(
  socket: Socket,
): Promise<{ readonly bytes: number; readonly error: string | undefined }> {
  let bytes = 0;
  let error: string | undefined;
  socket.on("data", (chunk) => {
    bytes += chunk.length;
  });
  socket.on("error", (thrown: NodeJS.ErrnoException) => {
    error = thrown.code;
  });
  socket.on("end", () => socket.end());
  await within(once(socket, "close"), "the end of the connection").catch(() => {});
  return { bytes, error };
}

export function isGivenBack({ far, traffic }: Stage): boolean {
  return traffic.connections === 0 && far.every((stream) => stream.destroyed);
}
