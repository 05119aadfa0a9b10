import { lstatSync, mkdirSync, readFileSync } from "node:fs";
import { dirname, isAbsolute, join } from "node:path";
import { dangerOn } from "../safe_way.ts";
import { stateDirectory } from "../state/directory.ts";
import { byteLength, encoded } from "../utf8.ts";
import { VERSION } from "./protocol.ts";

/** Where the control sockets of one user on one machine are: `DIRECTORY/PREFIX.GENERATION`. */
export interface SocketPlace {
  readonly directory: string;
  readonly prefix: string;
}

/** Whom a socket is for: the one master, or one of the processes that keep forwards without it (`--forward`). */
export type Role = "master" | "forwards";

/** What decides about the place. */
export interface Whose {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  readonly uid: number;
  /** The operating system, as Node names it. */
  readonly system: string;
  /** The machine's name. */
  hostname(): string;
}

/** sun_path of unix(7), less the NUL, on Linux and on BSD. Node cuts longer ones without a word, and would use another file. */
const LONGEST_PATH = { linux: 107, other: 103 } as const;

/** The part of a name behind the prefix: a dot, and the generation (15 digits) or "new-" and a process's number. */
const LONGEST_SUFFIX = 16;

/** Of a machine's name; Linux has up to 64 bytes, and a cloud gives long ones. */
const LONGEST_HOST = 24;

/**
 * Where this user's master listens, or others do: below $XDG_RUNTIME_DIR, else /run/user/UID (cron has no such variable), on macOS below
 * $TMPDIR, which it gives to each user for the purpose, else below the state directory. A home may be shared between
 * machines: the machine's name is part of the socket's there, in lower case, as case means nothing in it (RFC 4343) nor in
 * file names on macOS. (There that name changes with the network.) Two machines may have the same name, such as clones:
 * each would take the other's socket for a stale one, so that machine-id(5) is in it, too.
 * Makes the directory (0700). Throws an Error with a reason when nobody else can be kept out of it, or when its path is
 * too long.
 */
export function controlPlace(
  { env, home, uid, system, hostname }: Whose,
  role: Role = "master",
): SocketPlace {
  const runtime =
    runtimeDirectory(env.XDG_RUNTIME_DIR, uid) ??
    runtimeDirectory(`/run/user/${uid}`, uid) ??
    (system === "darwin" ? runtimeDirectory(env.TMPDIR, uid) : undefined);
  const name = `${role}-${VERSION}`;
  const place =
    runtime === undefined
      ? {
          directory: join(stateDirectory(env, home), "run"),
          prefix: `${hostPart(hostname().toLowerCase(), machineId())}-${name}`,
        }
      : { directory: join(runtime, "preauth"), prefix: name };
  const longest = byteLength(join(place.directory, place.prefix)) + LONGEST_SUFFIX;
  if (longest > LONGEST_PATH[system === "linux" ? "linux" : "other"])
    throw new Error(`${place.directory}: the path is too long for a socket`);
  if (!isPrivate(place.directory, uid)) {
    mkdirSync(place.directory, { recursive: true, mode: 0o700 });
    if (!isPrivate(place.directory, uid)) {
      const what =
        dangerOn(dirname(place.directory), uid)?.what ?? `must be a directory of uid ${uid} with mode 0700`;
      throw new Error(`${place.directory}: ${what}`);
    }
  }
  return place;
}

/** Undefined where it is not the user's own. */
function runtimeDirectory(directory: string | undefined, uid: number): string | undefined {
  return directory !== undefined && isAbsolute(directory) && isPrivate(directory, uid)
    ? directory
    : undefined;
}

/** machine-id(5), which an image of a container may have empty; "" where the system has none. */
function machineId(): string {
  try {
    return readFileSync("/etc/machine-id", "latin1").trim();
  } catch {
    return "";
  }
}

/**
 * A machine's name as part of a file's: a long or odd one, and that of a machine with an id, keeps its beginning, and a
 * number tells it from others.
 */
export function hostPart(host: string, id: string): string {
  if (id === "" && /^[\w.-]+$/.test(host) && host.length <= LONGEST_HOST) return host;
  // FNV-1a, 32 bits: node:crypto would cost each call milliseconds.
  let hash = 0x811c9dc5;
  for (const byte of encoded(`${host}${id}`)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return `${host.replace(/[^\w.-]/g, "_").slice(0, LONGEST_HOST)}-${hash.toString(16).padStart(8, "0")}`;
}

/** Whether a directory is the user's own, and nobody else can enter it or put another one in its place. */
function isPrivate(directory: string, uid: number): boolean {
  const found = lstatSync(directory, { throwIfNoEntry: false });
  const isOwn = found?.isDirectory() === true && found.uid === uid && (found.mode & 0o077) === 0;
  return isOwn && dangerOn(directory, uid) === undefined;
}
