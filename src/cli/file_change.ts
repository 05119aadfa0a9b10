import {
  closeSync,
  fchmodSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readlinkSync,
  realpathSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { dirname, resolve } from "node:path";
import { Failure } from "../failure.ts";
import { dangerOn, SAFER_PLACE } from "../safe_way.ts";
import { quoted } from "../shell_word.ts";
import { decoded } from "../utf8.ts";
import { readRegular } from "./regular.ts";

/** The text of a file. What is not UTF-8 is taken as Latin-1, so that every byte of it is kept. */
export interface FileText {
  readonly text: string;
  readonly encoding: "utf8" | "latin1";
}

/** A file that is to have other contents. */
export interface FileChange {
  readonly path: string;
  /** What it had when it was read; undefined where it was not there. */
  readonly before: string | undefined;
  readonly after: string;
  /** That of both. */
  readonly encoding: FileText["encoding"];
  /** Its mode where it is new. */
  readonly mode: number;
  /** Whether what it had is kept beside it. */
  readonly keepsCopy: boolean;
}

/** A path as a person names it: with a tilde where it is below the home. */
export function shortName(path: string, home: string): string {
  return path.startsWith(`${home}/`) ? `~${path.slice(home.length)}` : path;
}

/**
 * Throws a Failure where a file would be written among another's: root's, with somebody's HOME (`sudo -E`), its owner could
 * neither read nor write.
 */
export function requireOwn(path: string, uid: number): void {
  const danger = dangerOn(path, uid);
  if (danger !== undefined && danger.hint === undefined)
    throw new Failure("table", path, danger.what, { hints: [SAFER_PLACE] });
}

/** What a file that was changed is kept as, beside it. */
export const COPY = ".before-preauth";

/**
 * Writes files, all or none: each is whole before the first takes its place, so that a full disk leaves everything as it
 * was. A link stays one; what it leads to is changed, and keeps its mode. Throws a Failure where a file cannot be written, or
 * has changed since it was read.
 */
export function writeChanges(changes: readonly FileChange[], pid: number): void {
  const ready: { readonly from: string; readonly to: string }[] = [];
  try {
    for (const { path, before, after, encoding, mode, keepsCopy } of changes) {
      try {
        const to = realPathOf(path);
        mkdirSync(dirname(to), { recursive: true, mode: 0o700 });
        if (textOf(path)?.text !== before) throw changed(path);
        const own = before === undefined ? mode : statSync(to).mode & 0o7777;
        if (keepsCopy && before !== undefined)
          ready.push(laidOut(`${to}${COPY}`, Buffer.from(before, encoding), own, pid));
        ready.push(laidOut(to, Buffer.from(after, encoding), own, pid));
      } catch (error) {
        throw unwritten(path, error);
      }
    }
    for (const { from, to } of ready) {
      try {
        renameSync(from, to);
      } catch (error) {
        throw unwritten(to, error);
      }
    }
  } catch (error) {
    for (const { from } of ready) remove(from);
    throw error;
  }
}

function changed(path: string): Failure {
  return new Failure("table", path, "has changed; nothing has been written", {
    hints: ["run the same command again"],
  });
}

function unwritten(path: string, error: unknown): unknown {
  if (error instanceof Failure || !(error instanceof Error && "code" in error)) return error;
  return new Failure("table", path, `cannot be written (${error.code})`, { cause: error });
}

/** What a path leads to: also where that is not there yet. */
function realPathOf(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  const link = lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
  return link ? realPathOf(resolve(dirname(path), readlinkSync(path))) : path;
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR");
}

/** Writes bytes beside the place that they are for. */
function laidOut(to: string, bytes: Buffer, mode: number, pid: number): { from: string; to: string } {
  const from = `${to}.${pid}.new`;
  const fd = openSync(from, "wx", 0o600);
  try {
    for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
    // By its descriptor: who can write to the directory may have put something else at its name by now.
    fchmodSync(fd, mode);
    fsyncSync(fd);
    return { from, to };
  } catch (error) {
    remove(from);
    throw error;
  } finally {
    closeSync(fd);
  }
}

function remove(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // It was not made, or has taken its place.
  }
}

/** The text of a file; undefined where there is none. Throws a Failure where it cannot be read. */
export function textOf(path: string): FileText | undefined {
  try {
    const bytes = readRegular(path);
    const text = decoded(bytes);
    return text === undefined
      ? { text: bytes.toString("latin1"), encoding: "latin1" }
      : { text, encoding: "utf8" };
  } catch (error) {
    if (isMissing(error)) return undefined;
    const { code } = error as NodeJS.ErrnoException;
    const hint = code === "EACCES" ? `chmod u+r ${quoted(path)}` : `look at it: ls -ld ${quoted(path)}`;
    throw new Failure("table", path, `cannot be read (${code})`, { hints: [hint], cause: error });
  }
}

/** A change as lines: those that go with a minus, those that come with a plus. */
export function diffOf({ before, after }: FileChange, name: string): readonly string[] {
  const [old, fresh] = [linesOf(before ?? ""), linesOf(after)];
  let start = 0;
  while (start < old.length && old[start] === fresh[start]) start++;
  let end = 0;
  const most = Math.min(old.length, fresh.length) - start;
  while (end < most && old.at(-1 - end) === fresh.at(-1 - end)) end++;
  const gone = old.slice(start, old.length - end);
  const come = fresh.slice(start, fresh.length - end);
  const same = new Set(gone.filter((line) => come.includes(line)));
  return [
    `--- ${before === undefined ? "/dev/null" : name}`,
    `+++ ${name}`,
    ...gone.filter((line) => !same.has(line)).map((line) => `-${line}`),
    ...come.filter((line) => !same.has(line)).map((line) => `+${line}`),
  ];
}

function linesOf(text: string): readonly string[] {
  return text === "" ? [] : text.replace(/\r?\n$/, "").split(/\r?\n/);
}
