import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  ftruncateSync,
  lstatSync,
  openSync,
  renameSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { modeText } from "../safe_way.ts";
import { makePrivateDirectory } from "../state/directory.ts";
import type { World } from "../world.ts";
import type { Note } from "./note.ts";
import { escapeControls } from "./printable.ts";

/** The log is moved aside to log.1 beyond this size, so that both together stay below twice as much. */
const MAX_LOG_BYTES = 4 * 1024 * 1024;

/** Longer lines are cut: one call cannot fill the log with one line. */
const MAX_LINE_CHARACTERS = 4096;

/** A mark of a rotation that is older than this was left behind by a process that died. */
const STALE_ROTATION_MS = 10_000;

/**
 * Opens the log: `log` in the state directory, mode 0600, one whole line a note with UTC time and pid. Many
 * processes may write: each line is one append (O_APPEND, write(2)). Nothing here throws: a log that cannot
 * be written must not stop mail.
 */
export function openLog(directory: string, { pid, uid }: Pick<World, "pid" | "uid">): Note {
  const file = join(directory, "log");
  let made = false;
  return (line) => {
    try {
      if (!made) makePrivateDirectory(directory);
      made = true;
      append(file, `${new Date().toISOString()} [${pid}] ${cut(escapeControls(line))}\n`, uid);
    } catch {
      // A full disk, a read-only home, a directory that is a file: mail goes on.
    }
  };
}

/** What ailed the log, a line each: made right, where it could be, or why nothing is logged. */
export function logRemarks(directory: string, uid: number): readonly string[] {
  const file = join(directory, "log");
  try {
    makePrivateDirectory(directory);
    const mode = lstatSync(file, { throwIfNoEntry: false })?.mode ?? 0o600;
    closeSync(openOwn(file, constants.O_APPEND | constants.O_CREAT, uid));
    return (mode & 0o777) === 0o600 ? [] : [`the log ${file} had mode ${modeText(mode)}, and has 0600 now`];
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    // O_NOFOLLOW gives ELOOP on Linux and macOS, EMLINK on FreeBSD, EFTYPE on NetBSD.
    const why = isLink(file) ? "is a symbolic link" : code === undefined ? message : `gives ${code}`;
    return [`nothing is logged: ${file} ${why}`];
  }
}

function isLink(file: string): boolean {
  try {
    return lstatSync(file).isSymbolicLink();
  } catch {
    return false;
  }
}

function cut(line: string): string {
  return line.length <= MAX_LINE_CHARACTERS ? line : `${line.slice(0, MAX_LINE_CHARACTERS)}... (cut)`;
}

function append(file: string, line: string, uid: number): void {
  const fd = openOwn(file, constants.O_APPEND | constants.O_CREAT, uid);
  let size: number;
  try {
    writeSync(fd, line);
    size = fstatSync(fd).size;
  } finally {
    closeSync(fd);
  }
  if (size > MAX_LOG_BYTES) makeRoom(file, uid);
}

/**
 * Opens the log for writing, as a file that only its owner can read, whatever it was before. Throws where it is not the
 * user's own, or not only there: others would read it, or somebody may want another file to be written.
 */
function openOwn(file: string, flags: number, uid: number): number {
  // O_NONBLOCK: a FIFO planted in its place fails instead of hanging.
  const always = constants.O_WRONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY;
  const fd = openSync(file, flags | always, 0o600);
  try {
    const facts = fstatSync(fd);
    if (!facts.isFile()) throw new Error("is not a regular file");
    if (facts.uid !== uid) throw new Error(`belongs to uid ${facts.uid}`);
    if (facts.nlink !== 1) throw new Error("has a second name (a hard link)");
    if ((facts.mode & 0o7777) !== 0o600) fchmodSync(fd, 0o600);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** Where nothing can be moved aside (log.1 is a directory, or the directory cannot be written) the log begins anew. */
function makeRoom(file: string, uid: number): void {
  try {
    rotate(file);
  } catch {
    const fd = openOwn(file, 0, uid);
    try {
      if (fstatSync(fd).size > MAX_LOG_BYTES) ftruncateSync(fd);
    } finally {
      closeSync(fd);
    }
  }
}

/** Moves the log aside. One process at a time, and only when it is still large: a second rename would lose the first. */
function rotate(file: string): void {
  const mark = `${file}.rotating`;
  try {
    closeSync(openSync(mark, "wx", 0o600));
  } catch {
    const age = Date.now() - lstatSync(mark).mtimeMs;
    if (age > STALE_ROTATION_MS) unlinkSync(mark);
    return;
  }
  try {
    if (lstatSync(file).size > MAX_LOG_BYTES) renameSync(file, `${file}.1`);
  } finally {
    unlinkSync(mark);
  }
}
