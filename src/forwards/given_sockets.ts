import { fstatSync, lstatSync } from "node:fs";
import type { Server, Socket } from "node:net";
import { Failure } from "../failure.ts";
import type { CarriedForward } from "../table/decision.ts";
import { filesOf } from "../table/read.ts";
import { placeOf } from "../table/schema.ts";
import { bind, errorCode, type Listening } from "./bind.ts";
import { placeText } from "./plan.ts";
import { isUnguarded } from "./probe.ts";
import type { SocketTables } from "./socket_tables.ts";

/** The first of the descriptors that a service manager gives (sd_listen_fds(3)). */
const FIRST = 3;

/** Its tilde has been expanded. */
const FILES = filesOf(undefined);

/** More sockets than a unit has. */
const MOST = 64;

/** The descriptors at which a service manager listens for this process; none where there is no such manager. */
export function givenDescriptors(
  env: Readonly<Record<string, string | undefined>>,
  pid: number,
): readonly number[] {
  const count = Number(env.LISTEN_FDS);
  if (env.LISTEN_PID !== String(pid) || !Number.isInteger(count) || count < 1 || count > MOST) return [];
  return Array.from({ length: count }, (_, index) => FIRST + index);
}

/** Takes a connection that came to a forward. */
type Accept = (forward: CarriedForward, socket: Socket) => void;

/**
 * Accepts at sockets that were given. Each has to be at the place of a forward, and as safe as one of our own would be:
 * throws a Failure "table" otherwise. They stay the manager's: to close them removes nothing.
 */
export async function listenAtGiven(
  descriptors: readonly number[],
  forwards: readonly CarriedForward[],
  tables: SocketTables,
  accept: Accept,
): Promise<Listening> {
  const servers: Server[] = [];
  const close = (): void => {
    for (const server of servers) server.close();
  };
  try {
    for (const descriptor of descriptors) {
      const gate = new Gate();
      const server = await bind({ fd: descriptor }, (socket) => gate.take(socket)).catch((error) => {
        throw notListening(descriptor, error);
      });
      servers.push(server);
      const place = await boundAt(server, descriptor, tables);
      const forward = forwards.find(({ listen }) => isAt(listen, place));
      if (forward === undefined) throw unwanted(place);
      await requireSafe(forward, tables);
      gate.passTo((socket) => accept(forward, socket));
    }
    return { close };
  } catch (error) {
    close();
    throw error;
  }
}

/** Keeps connections until it is known what they are for: some may have waited before this process was there. */
class Gate {
  #waiting: Socket[] = [];
  #accept: ((socket: Socket) => void) | undefined;

  take(socket: Socket): void {
    if (this.#accept === undefined) this.#waiting.push(socket);
    else this.#accept(socket);
  }

  passTo(accept: (socket: Socket) => void): void {
    this.#accept = accept;
    for (const socket of this.#waiting.splice(0)) accept(socket);
  }
}

/** A port, or the path of a Unix socket; undefined where the system does not say. */
async function boundAt(
  server: Server,
  descriptor: number,
  tables: SocketTables,
): Promise<number | string | undefined> {
  const address = server.address();
  if (typeof address === "object" && address !== null && typeof address.port === "number")
    return address.port;
  // A Unix socket that was given has no name here.
  const inode = fstatSync(descriptor).ino;
  return (await tables.unix()).find((row) => row.inode === inode)?.path;
}

function isAt(listen: number | string, place: number | string | undefined): boolean {
  if (typeof listen === "number" || typeof place !== "string") return listen === place;
  return placeOf(listen, FILES) === placeOf(place, FILES);
}

/** As of Accept=yes, which gives the connection itself. */
function notListening(descriptor: number, error: unknown): Failure {
  const what = `descriptor ${descriptor} is not a listening socket (${errorCode(error)})`;
  return new Failure("table", "LISTEN_FDS", what, { hints: ["Accept=no in the unit of the socket"] });
}

function unwanted(place: number | string | undefined): Failure {
  const what = place === undefined ? "a socket of an unknown kind" : `a socket that no [[forward]] names`;
  const subject = place === undefined ? "LISTEN_FDS" : placeText(place);
  return new Failure("table", subject, what, {
    hints: ["ListenStream of the unit and listen of the [[forward]] must be the same place"],
  });
}

async function requireSafe(forward: CarriedForward, tables: SocketTables): Promise<void> {
  const { listen, allow } = forward;
  if (allow === "any-user") return;
  if (await isUnguarded(forward, tables)) {
    throw new Failure("table", placeText(listen), "this system does not tell which user made a connection", {
      hints: ["listen at a Unix socket in place of the port"],
    });
  }
  // To connect takes the right to write, and no other (unix(7)): systemd-socket-activate makes sockets of mode 0644.
  if (typeof listen === "string" && (lstatSync(listen).mode & 0o022) !== 0) {
    throw new Failure("table", placeText(listen), "others can connect to it", {
      hints: ["SocketMode=0600 in the unit of the socket"],
    });
  }
}
