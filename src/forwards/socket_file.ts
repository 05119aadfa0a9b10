import { linkSync, lstatSync, unlinkSync } from "node:fs";
import { connect } from "node:net";
import { basename, dirname } from "node:path";
import { errorCode } from "./bind.ts";
import { identityOf, judge, type Occupant, type ProbeOptions } from "./probe.ts";

/** Whether anybody listens at a socket file; undefined when it is gone, or cannot be told. */
export function isAnswered(path: string): Promise<boolean | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", (error) => {
      const code = errorCode(error);
      // EAGAIN: somebody listens, and has more to accept than the queue holds (unix(7)).
      resolve(code === "ECONNREFUSED" ? false : code === "EAGAIN" ? true : undefined);
    });
  });
}

/**
 * Removes a socket file that nobody listens on, if it still is the one with `identity`. Of many processes that have
 * found it stale, one alone may remove it: the one that links it to a name made of its identity. A process that comes
 * late finds another file at `path`, and leaves it alone. False when another one is at it.
 */
export function removeStale(path: string, identity: string): boolean {
  const token = tokenOf(path, identity);
  try {
    linkSync(path, token);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return true;
    if (errorCode(error) === "EEXIST") return false;
    throw error;
  }
  try {
    if (identityOf(lstatSync(token, { bigint: true })) === identity) unlinkSync(path);
  } finally {
    unlinkSync(token);
  }
  return true;
}

/** The name that a stale socket file has while it is removed. */
export function tokenOf(path: string, identity: string): string {
  return `${dirname(path)}/.${identity}`;
}

/** Who listens at a socket file of ours; undefined when nobody is seen to, which may be for want of a table. */
export async function occupantOfPath(path: string, options: ProbeOptions): Promise<Occupant | undefined> {
  const rows = await options.tables.unix();
  const inodes = rows.filter((row) => isNameOf(row.path, path)).map((row) => row.inode);
  return inodes.length === 0 ? undefined : judge(options.uid, inodes, options);
}

/** A socket may have been bound to its path, or under the private name that listenOnPath() gives it. */
function isNameOf(bound: string, path: string): boolean {
  if (bound === path) return true;
  const directory = dirname(bound);
  const isPrivate = dirname(directory) === dirname(path) && /^\.[^/]{6}$/.test(basename(directory));
  return isPrivate && basename(bound) === basename(path);
}
