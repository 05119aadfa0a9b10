import type { Stats } from "node:fs";
import { closeSync, constants, fstatSync, openSync, readSync, realpathSync } from "node:fs";
import { posix } from "node:path";
import { dangerOfFile, dangerOn, SAFER_PLACE } from "../safe_way.ts";
import { quoted as word } from "../shell_word.ts";
import { decoded } from "../utf8.ts";
import { TableFailure } from "./failure.ts";
import { quoted } from "./problem.ts";
import { type Files, parseTable } from "./schema.ts";
import type { Table } from "./table.ts";

/** Bytes: far beyond any table, and read in no time. */
const LARGEST = 1024 * 1024;

/**
 * Where the table is: $PREAUTH_TABLE, else preauth/hosts.toml in $XDG_CONFIG_HOME or in ~/.config. A relative
 * $XDG_CONFIG_HOME is ignored (XDG Base Directory Specification). Throws a TableFailure for a relative $PREAUTH_TABLE:
 * whoever wrote to the directory that a mail client happens to be started in would decide.
 */
export function tablePath(env: Readonly<Record<string, string | undefined>>, home: string): string {
  const { PREAUTH_TABLE: chosen, XDG_CONFIG_HOME: config = "" } = env;
  if (chosen !== undefined && chosen !== "") {
    if (posix.isAbsolute(chosen)) return chosen;
    throw wrong(
      "PREAUTH_TABLE",
      `${quoted(chosen)} is not an absolute path`,
      "begin PREAUTH_TABLE with a slash",
    );
  }
  const base = posix.isAbsolute(config) ? config : posix.join(home, ".config");
  return posix.join(base, "preauth", "hosts.toml");
}

/** Reads and checks the table at a path for the user `uid`, whose home `home` is. Throws a TableFailure. */
export async function readTable(path: string, uid: number, home?: string): Promise<Table> {
  return parseTable(readText(path, uid), path, filesOf(home));
}

/** The files of this machine, as parseTable() wants them. */
export function filesOf(home: string | undefined): Files {
  return { home, realDirectory };
}

function realDirectory(directory: string): string {
  try {
    // Not the one in JavaScript, which takes ".." away before it looks at links.
    return realpathSync.native(directory);
  } catch {
    return directory;
  }
}

/**
 * The text of the table at a path, once it is known that nobody but the user `uid` or root could have
 * written it. Throws a TableFailure, with `missing` set when there is no such file.
 */
export function readText(path: string, uid: number): string {
  // First: who can swap the table can also take it away, and with a missing one the client connects directly.
  const danger = dangerOn(path, uid);
  if (danger !== undefined) throw wrong(path, danger.what, danger.hint ?? SAFER_PLACE);
  const fd = openTable(path);
  try {
    // Only the opened file can be judged: a name may mean another file a moment later.
    const file = fstatSync(fd);
    refuse(path, file, uid);
    const bytes = readAll(path, fd, file.size);
    const text = decoded(bytes);
    if (text === undefined) throw notUtf8(path, bytes);
    return text;
  } finally {
    closeSync(fd);
  }
}

function openTable(path: string): number {
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
  const writer = dangerOfFile(path, file, uid);
  if (writer !== undefined) throw wrong(path, writer.what, writer.hint);
}

function readAll(path: string, fd: number, size: number): Uint8Array {
  // One byte more than there should be: the size may be out of date by now, and files of /proc have none.
  let buffer = new Uint8Array(Math.min(size, LARGEST) + 1);
  let length = 0;
  try {
    for (let count = -1; count !== 0 && length <= LARGEST; length += count) {
      if (length === buffer.length) {
        const larger = new Uint8Array(Math.min(2 * length, LARGEST) + 1);
        larger.set(buffer);
        buffer = larger;
      }
      count = readSync(fd, buffer, length, buffer.length - length, null);
    }
  } catch (error) {
    throw unreadable(path, "read", error);
  }
  if (length > LARGEST) throw wrong(path, `is larger than ${LARGEST} bytes`);
  return buffer.subarray(0, length);
}

/** TOML is UTF-8 and nothing else: says where the bytes are not. No byte of a newline is ever part of another character. */
function notUtf8(path: string, bytes: Uint8Array): TableFailure {
  const all = Buffer.from(bytes);
  const isBad = (line: string): boolean => decoded(Buffer.from(line, "latin1")) === undefined;
  const index = all.toString("latin1").split("\n").findIndex(isBad);
  const line = all.toString("utf8").split("\n")[index] ?? "";
  return wrong(`${path}:${index + 1}:${line.indexOf("\ufffd") + 1}`, `is not UTF-8: ${quoted(line.trim())}`);
}

function unreadable(path: string, done: string, error: unknown): TableFailure {
  const code = codeOf(error);
  if (code === "ENOENT" || code === "ENOTDIR") {
    const hints = ["make one: preauth --init"];
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
