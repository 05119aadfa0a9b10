import { isUtf8 } from "node:buffer";
import type { Stats } from "node:fs";
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { posix } from "node:path";
import { quoted as word } from "../shell_word.ts";
import { TableFailure } from "./failure.ts";
import { quoted } from "./problem.ts";
import { parseTable } from "./schema.ts";
import type { Table } from "./table.ts";

/** Bytes: far beyond any table, and read in no time. */
const LARGEST = 1024 * 1024;

/**
 * Where the table is: $PREAUTH_TABLE, else preauth/hosts.toml in $XDG_CONFIG_HOME or in ~/.config. A relative
 * $XDG_CONFIG_HOME is ignored (XDG Base Directory Specification).
 */
export function tablePath(env: Readonly<Record<string, string | undefined>>, home: string): string {
  const { PREAUTH_TABLE: chosen, XDG_CONFIG_HOME: config = "" } = env;
  if (chosen !== undefined && chosen !== "") return chosen;
  const base = posix.isAbsolute(config) ? config : posix.join(home, ".config");
  return posix.join(base, "preauth", "hosts.toml");
}

/** Reads and checks the table at a path for the user `uid`. Throws a TableFailure. */
export async function readTable(path: string, uid: number): Promise<Table> {
  return parseTable(readText(path, uid), path);
}

/**
 * The text of the table at a path, once it is known that nobody but the user `uid` or root could have
 * written it. Throws a TableFailure, with `missing` set when there is no such file.
 */
export function readText(path: string, uid: number): string {
  const fd = open(path);
  try {
    // Only the opened file can be judged: a name may mean another file a moment later.
    refuse(path, fstatSync(fd), uid);
    return decoded(path, readAll(path, fd));
  } finally {
    closeSync(fd);
  }
}

function open(path: string): number {
  try {
    // Without O_NONBLOCK the opening of a FIFO waits for a writer, past any deadline (open(2)).
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch (error) {
    throw unreadable(path, "opened", error);
  }
}

/** Throws when the file is not a regular one, or when somebody else may have written it. */
function refuse(path: string, file: Stats, uid: number): void {
  if (!file.isFile()) throw wrong(path, "is not a regular file");
  if (file.uid !== uid && file.uid !== 0) {
    throw wrong(
      path,
      `belongs to uid ${file.uid}, not to you (uid ${uid}) or root`,
      `chown ${uid} ${word(path)}`,
    );
  }
  if ((file.mode & 0o022) !== 0) {
    const mode = (file.mode & 0o7777).toString(8).padStart(4, "0");
    throw wrong(path, `is writable by group or others (mode ${mode})`, `chmod go-w ${word(path)}`);
  }
}

function readAll(path: string, fd: number): Buffer {
  // The size that fstat tells may be out of date by now: one byte more than is allowed shows it.
  const buffer = Buffer.allocUnsafe(LARGEST + 1);
  let length = 0;
  try {
    for (let count = -1; count !== 0 && length < buffer.length; length += count) {
      count = readSync(fd, buffer, length, buffer.length - length, null);
    }
  } catch (error) {
    throw unreadable(path, "read", error);
  }
  if (length > LARGEST) throw wrong(path, `is larger than ${LARGEST} bytes`);
  return buffer.subarray(0, length);
}

/** TOML is UTF-8 and nothing else. No byte of a newline is ever part of another character. */
function decoded(path: string, bytes: Buffer): string {
  const text = bytes.toString("utf8");
  if (isUtf8(bytes)) return text;
  const isBad = (line: string): boolean => !isUtf8(Buffer.from(line, "latin1"));
  const index = bytes.toString("latin1").split("\n").findIndex(isBad);
  const line = text.split("\n")[index] ?? "";
  throw wrong(`${path}:${index + 1}:${line.indexOf("\ufffd") + 1}`, `is not UTF-8: ${quoted(line.trim())}`);
}

function unreadable(path: string, done: string, error: unknown): TableFailure {
  const code = codeOf(error);
  if (code === "ENOENT" || code === "ENOTDIR") {
    const hints = ["a table belongs there, or where PREAUTH_TABLE says: see preauth(1)"];
    return new TableFailure({ where: path, what: "no such table" }, [], {
      missing: true,
      hints,
      cause: error,
    });
  }
  const what = `cannot be ${done} (${code ?? String(error)})`;
  const hints = code === "EACCES" ? [`chmod u+r ${word(path)}`] : [];
  return new TableFailure({ where: path, what }, [], { hints, cause: error });
}

function wrong(where: string, what: string, hint?: string): TableFailure {
  return new TableFailure({ where, what }, [], { hints: hint === undefined ? [] : [hint] });
}

function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error && "code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}
