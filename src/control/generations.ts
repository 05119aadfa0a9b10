import { chmodSync, existsSync, linkSync, lstatSync, rmSync, unlinkSync } from "node:fs";
import { connect, type Server } from "node:net";
import { join } from "node:path";
import { generations, newest, pathOf } from "./socket_names.ts";
import type { SocketPlace } from "./socket_place.ts";

/*
 * Who is the master? The one whose socket has the highest generation and answers. A socket is bound under a private
 * name and then linked to the next generation, which only one can: link(2) fails where there is one already. To bind
 * the final name, or to unlink a stale one first, is a race that two of twenty win at once: the second unlinks the
 * fresh socket of the first. So nobody unlinks a name of others but the one who is master, and it only lower ones.
 */

/** A name of a process's own. */
export interface Generation {
  readonly path: string;
  /** Of the socket, which a name alone does not tell from another one's. */
  readonly inode: number;
}

/** What came of an attempt to get a name. */
export type Claim =
  | { readonly kind: "own"; readonly generation: Generation }
  /** Another one that lives has it. */
  | { readonly kind: "taken" };

/** Attempts to become the master: each that fails means that somebody else was quicker, or has just ended. */
const ATTEMPTS = 10;

/**
 * Makes `server`, which must not listen yet, the master's; `token` names this process. Throws as listen() and link(2)
 * do where the directory cannot be written.
 */
export function claim(place: SocketPlace, server: Server, token: string): Promise<Claim> {
  return withDraft(place, server, token, async (draft) => {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const last = newest(place);
      if (last !== undefined && (await answers(last.path))) return { kind: "taken" };
      // Gone meanwhile, by its own hand: what is highest now must be looked for again.
      if (last !== undefined && !existsSync(last.path)) continue;
      const generation = link(draft, pathOf(place, (last?.number ?? 0) + 1));
      if (generation === undefined) continue;
      if (await removeOthers(place, generation)) return { kind: "own", generation };
      release(generation);
    }
    return { kind: "taken" };
  });
}

/**
 * Makes `server`, which must not listen yet, one of several: its number is that of its process, which no other has while
 * it lives. Removes what is left of those that have died. Throws as claim() does.
 */
export function claimBeside(place: SocketPlace, server: Server, pid: number): Promise<Claim> {
  return withDraft(place, server, String(pid), async (draft) => {
    for (const path of generations(place).map((number) => pathOf(place, number))) {
      if (!(await answers(path).catch(() => true))) remove(path);
    }
    const generation = link(draft, pathOf(place, pid));
    return generation === undefined ? { kind: "taken" } : { kind: "own", generation };
  });
}

/** Has `server` listen under a private name, which is gone when `work` is done. */
async function withDraft<T>(
  place: SocketPlace,
  server: Server,
  token: string,
  work: (draft: string) => Promise<T>,
): Promise<T> {
  const draft = join(place.directory, `${place.prefix}.new-${token}`);
  rmSync(draft, { force: true });
  await listen(server, draft);
  try {
    chmodSync(draft, 0o600);
    return await work(draft);
  } finally {
    rmSync(draft, { force: true });
  }
}

/** Whether a name is still there, and not another's; false also where nobody may look, who could find it then. */
export function isOwn({ path, inode }: Generation): boolean {
  try {
    return lstatSync(path).ino === inode;
  } catch {
    return false;
  }
}

/** Takes a master's own name away. One that belongs to another by now, after somebody has tidied up, is left alone. */
export function release(generation: Generation): void {
  if (isOwn(generation)) remove(generation.path);
}

/**
 * Removes the names of those that are gone. False when another one lives: when all names had gone, numbers began anew,
 * and two that looked at different times have linked different ones. Whoever comes second sees the first.
 */
async function removeOthers(place: SocketPlace, own: Generation): Promise<boolean> {
  const others = generations(place).map((number) => pathOf(place, number));
  for (const other of others.filter((other) => other !== own.path)) {
    if (await answers(other)) return false;
    remove(other);
  }
  return true;
}

/** Removes a name, unless that is something else than a file. */
function remove(file: string): void {
  try {
    unlinkSync(file);
  } catch {
    // Gone already, or a directory, or in one that cannot be written: it does no harm.
  }
}

/** Undefined when there is one of that name. */
function link(from: string, to: string): Generation | undefined {
  try {
    linkSync(from, to);
    return { path: to, inode: lstatSync(from).ino };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return undefined;
    throw error;
  }
}

function listen(server: Server, file: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ path: file, backlog: 511 }, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

/** What connect(2) says of a name that nobody listens on, or that is gone, or whose owner has closed it that moment. */
const NOBODY: ReadonlySet<string | undefined> = new Set(["ECONNREFUSED", "ENOENT", "ECONNRESET"]);

/**
 * Whether a process listens: a stopped one does too, which is for its callers to find out. Rejects when that cannot be
 * told: not to reach somebody is no proof that nobody is there.
 */
function answers(file: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect(file);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", (error: NodeJS.ErrnoException) => {
      if (NOBODY.has(error.code)) resolve(false);
      // A full backlog is somebody's too.
      else if (error.code === "EAGAIN") resolve(true);
      else reject(error);
    });
  });
}
