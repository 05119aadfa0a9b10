import { lstat, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Forward } from "../table/table.ts";
import { type Loopback, listenerOf } from "./owner.ts";
import { isPreauth, type Program, programWith } from "./program.ts";
import type { SocketTables } from "./socket_tables.ts";

/** Who has the place where a forward is to listen. */
export type Occupant =
  /** Another preauth of the same user: nothing to do. */
  | { readonly kind: "ours"; readonly program: Program }
  /** Another program of the same user; undefined when it does not let itself be seen. */
  | { readonly kind: "same-user"; readonly uid: number; readonly program: Program | undefined }
  /** Never to be trusted. The program only where we may look at it, as root may. */
  | { readonly kind: "another-user"; readonly uid: number; readonly program: Program | undefined }
  /** Somebody, and this system does not say who. */
  | { readonly kind: "untold" };

export interface ProbeOptions {
  readonly tables: SocketTables;
  /** Our own. */
  readonly uid: number;
}

/** Milliseconds to look for the program that holds a place; without its name the answer is still one. */
const LOOKING = 1000;

/**
 * Who listens on a port of a loopback address, without a connection to it; undefined for nobody, or where the system
 * does not say.
 */
export async function occupantOf(
  address: Loopback,
  port: number,
  { tables, uid }: ProbeOptions,
): Promise<Occupant | undefined> {
  if (!tables.exist) return undefined;
  try {
    const holder = await listenerOf(tables, address, port);
    if (holder === undefined) return undefined;
    return await judge(holder.uid, holder.inodes, { tables, uid });
  } catch {
    return undefined;
  }
}

/**
 * Whether a forward would be a mailbox for every user of this machine, since nobody can tell whose a connection is. A
 * place behind a port is another matter: it mostly wants a login of its own.
 */
export async function isUnguarded({ listen, to, allow }: Forward, tables: SocketTables): Promise<boolean> {
  if (to !== undefined || allow === "any-user" || typeof listen === "string") return false;
  return !(await tables.canTell());
}

/**
 * Tells what the holder of sockets is to us. A preauth is known by the program that has the socket open and not by a
 * file that it leaves somewhere: a file can be stale, can be written a moment too late, and is looked for in vain when
 * XDG_STATE_HOME differs between a session and cron. Both are only asked of programs of our own uid.
 */
export async function judge(
  holder: number,
  inodes: readonly number[],
  { tables, uid }: ProbeOptions,
): Promise<Occupant> {
  const program = await programWith(inodes, tables.proc, AbortSignal.timeout(LOOKING));
  if (holder !== uid) return { kind: "another-user", uid: holder, program };
  if (program !== undefined && isPreauth(program)) return { kind: "ours", program };
  return { kind: "same-user", uid, program };
}

/** CAP_NET_BIND_SERVICE (capabilities(7)). */
const BIND_SERVICE = 10n;

/**
 * Whether the right to listen on a port is missing: below ip_unprivileged_port_start (ip(7)) without the capability.
 * False where that cannot be told.
 */
export async function lacksRight(port: number, proc: string): Promise<boolean> {
  const [start, status] = await Promise.all([
    readFile(join(proc, "sys/net/ipv4/ip_unprivileged_port_start"), "latin1").catch(() => "1024"),
    readFile(join(proc, "self/status"), "latin1").catch(() => ""),
  ]);
  if (port >= Number(start)) return false;
  const [, effective] = /^CapEff:\s*([0-9a-f]+)$/m.exec(status) ?? [];
  return effective !== undefined && ((BigInt(`0x${effective}`) >> BIND_SERVICE) & 1n) === 0n;
}

/** What stands in the file system where a Unix socket is to be. */
export type PathState =
  | { readonly kind: "free" }
  /** A socket of our own that may be in use or left behind: only a connection tells. */
  | { readonly kind: "own-socket"; readonly identity: string }
  | { readonly kind: "another-user"; readonly uid: number }
  | { readonly kind: "not-a-socket" }
  | { readonly kind: "unreadable"; readonly why: string };

/** Looks at a path without touching it. */
export async function lookAtPath(path: string, uid: number): Promise<PathState> {
  try {
    const found = await lstat(path, { bigint: true });
    if (!found.isSocket()) return { kind: "not-a-socket" };
    if (Number(found.uid) !== uid) return { kind: "another-user", uid: Number(found.uid) };
    return { kind: "own-socket", identity: identityOf(found) };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return code === "ENOENT" ? { kind: "free" } : { kind: "unreadable", why: code ?? message };
  }
}

/**
 * One socket file and no other, also when its inode's number is given to another one later: a socket's time of
 * modification is that of its making, and links to it leave it alone.
 */
export function identityOf({ ino, mtimeNs }: { readonly ino: bigint; readonly mtimeNs: bigint }): string {
  return `${ino}-${mtimeNs}`;
}
