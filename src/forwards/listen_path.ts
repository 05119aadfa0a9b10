import { chmodSync, linkSync, lstatSync, mkdtempSync, rmdirSync, unlinkSync } from "node:fs";
import type { Server } from "node:net";
import { platform } from "node:os";
import { basename, dirname } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { dangerOn } from "../safe_way.ts";
import { type Accept, bind, errorCode, type Listening } from "./bind.ts";
import { identityOf, lookAtPath, type Occupant, type ProbeOptions } from "./probe.ts";
import { isAnswered, occupantOfPath, removeStale, tokenOf } from "./socket_file.ts";

/** What came of listening at the path of a Unix socket. */
export type PathOutcome =
  | { readonly kind: "held"; readonly listening: Listening; readonly second?: undefined }
  | { readonly kind: "taken"; readonly by: Occupant }
  | { readonly kind: "not-a-socket" }
  | { readonly kind: "failed"; readonly why: string; readonly hint?: string };

/** What the making of a socket needs beside its path. */
export interface PathOptions extends ProbeOptions {
  /** Of the socket file: 0o600, or 0o666 for a forward that is everybody's. */
  readonly mode: number;
}

/** sun_path holds 108 bytes on Linux and 104 on BSD, a NUL included; Node cuts a longer path without a word. */
const LONGEST = platform() === "linux" ? 107 : 103;

/** The private directory's name takes this many bytes more than the path itself: `/.XXXXXX`. */
const PRIVATE = 8;

/** What ails the directory of a path, where a socket cannot be made in it. */
const DIRECTORY_TROUBLE: Readonly<Record<string, string>> = {
  ENOENT: "its directory does not exist",
  ENOTDIR: "its directory is a file",
  EACCES: "its directory cannot be written",
  EROFS: "its directory cannot be written",
};

/** Milliseconds that another process may take to remove a stale socket, and between two looks. */
const PATIENCE = 1000;
const LOOK = 20;

/**
 * Why nobody listens in a directory: others could put a socket of their own in the place of ours, or move away what we
 * have just made and have us change the mode of, link or remove what they like. Undefined where they cannot.
 */
export function unsafeDirectory(
  path: string,
  uid: number,
): (PathOutcome & { readonly kind: "failed" }) | undefined {
  const danger = dangerOn(dirname(path), uid);
  if (danger === undefined) return undefined;
  const { what: why, hint } = danger;
  return { kind: "failed", why: `it ${why}`, ...(hint !== undefined && { hint }) };
}

/**
 * Listens at a path. The socket is made in a directory that nobody else can enter, gets its mode there, and is then
 * linked to its path: there is no moment at which others could connect, and link(2) replaces nothing, so that of many
 * processes at once exactly one holds the path. A socket file that was left behind is replaced when it is our own.
 */
export async function listenOnPath(path: string, options: PathOptions, accept: Accept): Promise<PathOutcome> {
  const longest = LONGEST - PRIVATE;
  if (Buffer.byteLength(path) > longest) return { kind: "failed", why: `longer than ${longest} bytes` };
  const unsafe = unsafeDirectory(path, options.uid);
  if (unsafe !== undefined) return unsafe;
  try {
    const obstacle = await clear(path, options);
    return obstacle ?? (await claim(path, options, accept));
  } catch (error) {
    const why = errorCode(error);
    return { kind: "failed", why: DIRECTORY_TROUBLE[why] ?? why };
  }
}

/** Makes room at the path if we may; gives what stands there otherwise. */
async function clear(path: string, options: ProbeOptions): Promise<PathOutcome | undefined> {
  const end = Date.now() + PATIENCE;
  for (;;) {
    const state = await lookAtPath(path, options.uid);
    if (state.kind === "free") return undefined;
    if (state.kind === "not-a-socket") return state;
    if (state.kind === "unreadable") return { kind: "failed", why: state.why };
    if (state.kind === "another-user") return { kind: "taken", by: { ...state, program: undefined } };
    const answered = await isAnswered(path);
    if (answered) {
      const by = await occupantOfPath(path, options);
      return { kind: "taken", by: by ?? { kind: "same-user", uid: options.uid, program: undefined } };
    }
    if (answered === false && removeStale(path, state.identity)) continue;
    if (Date.now() > end)
      return { kind: "failed", why: `in the way: ${path}, ${tokenOf(path, state.identity)}` };
    await pause(LOOK);
  }
}

async function claim(path: string, options: PathOptions, accept: Accept): Promise<PathOutcome> {
  const directory = mkdtempSync(`${dirname(path)}/.`);
  const birthplace = `${directory}/${basename(path)}`;
  let server: Server | undefined;
  let isClaimed = false;
  try {
    server = await bind({ path: birthplace }, accept);
    chmodSync(birthplace, options.mode);
    const identity = identityAt(birthplace);
    while (!isClaimed) {
      isClaimed = link(birthplace, path);
      const obstacle = isClaimed ? undefined : await clear(path, options);
      if (obstacle !== undefined) return obstacle;
    }
    const listening = new SocketFile(path, identity, server);
    return { kind: "held", listening };
  } finally {
    if (server !== undefined) unlinkSync(birthplace);
    rmdirSync(directory);
    if (!isClaimed) server?.close();
  }
}

function link(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (errorCode(error) === "EEXIST") return false;
    throw error;
  }
}

class SocketFile implements Listening {
  readonly #path: string;
  readonly #identity: string;
  readonly #server: Server;

  constructor(path: string, identity: string, server: Server) {
    this.#path = path;
    this.#identity = identity;
    this.#server = server;
  }

  close(): void {
    // Its name first: a name whose socket refuses connections is one to be replaced.
    try {
      if (identityAt(this.#path) === this.#identity) unlinkSync(this.#path);
    } catch {
      // Somebody has removed it, or its directory.
    }
    this.#server.close();
  }
}

function identityAt(path: string): string {
  return identityOf(lstatSync(path, { bigint: true }));
}
