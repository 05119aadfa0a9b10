import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  openSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { makePrivateDirectory } from "../state/directory.ts";
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
export function openLog(directory: string, pid: number): Note {
  const file = join(directory, "log");
  let made = false;
  return (line) => {
    try {
      if (!made) makePrivateDirectory(directory);
      made = true;
      append(file, `${new Date().toISOString()} [${pid}] ${cut(escapeControls(line))}\n`);
    } catch {
      // A full disk, a read-only home, a directory that is a file: mail goes on.
    }
  };
}

function cut(line: string): string {
  return line.length <= MAX_LINE_CHARACTERS ? line : `${line.slice(0, MAX_LINE_CHARACTERS)}... (cut)`;
}

function append(file: string, line: string): void {
  const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW;
  // O_NONBLOCK: a FIFO planted in its place fails instead of hanging.
  const fd = openSync(file, flags | constants.O_NONBLOCK, 0o600);
  let size: number;
  try {
    writeSync(fd, line);
    size = fstatSync(fd).size;
  } finally {
    closeSync(fd);
  }
  if (size > MAX_LOG_BYTES) makeRoom(file);
}

/** Where nothing can be moved aside (log.1 is a directory, or the directory cannot be written) the log begins anew. */
function makeRoom(file: string): void {
  try {
    rotate(file);
  } catch {
    const fd = openSync(file, constants.O_WRONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
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
    const age = Date.now() - statSync(mark).mtimeMs;
    if (age > STALE_ROTATION_MS) unlinkSync(mark);
    return;
  }
  try {
    if (statSync(file).size > MAX_LOG_BYTES) renameSync(file, `${file}.1`);
  } finally {
    unlinkSync(mark);
  }
}
