import { createHash } from "node:crypto";
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  type Stats,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { modeText } from "../safe_way.ts";
import { makePrivateDirectory } from "./directory.ts";
import { hasShape, type Shape, type Shaped } from "./shape.ts";

// Small files in the state directory, one a thing that is remembered. Many processes read and write them.

/** A file name everywhere, whatever the parts hold. */
export function digest(parts: readonly string[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 32);
}

/** Writes a record whole, or not at all; `pid` keeps drafts apart. Throws nothing. */
export function writeRecord(file: string, record: unknown, pid: number): void {
  const draft = `${file}.draft-${pid}`;
  try {
    makePrivateDirectory(dirname(file));
    // What has the draft's name was left behind by a process of that number, if it is no trap: nothing is written to it.
    discard(draft);
    writeFileSync(draft, JSON.stringify(record), { mode: 0o600, flag: "wx" });
    renameSync(draft, file);
  } catch {
    discard(draft);
  }
}

/** The record in a file; undefined when there is none of that shape, or it has more characters than `most`. */
export function readRecord<S extends Shape>(
  file: string,
  shape: S,
  most = Number.POSITIVE_INFINITY,
): Shaped<S> | undefined {
  try {
    const text = readOwn(file);
    const value: unknown = text.length > most ? undefined : JSON.parse(text);
    return hasShape(value, shape) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Throws where it is a link, or no file, or others than its owner could write to it: a record of ours is none of these. */
function readOwn(file: string): string {
  const fd = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const trouble = troubleOf(fstatSync(fd));
    if (trouble !== undefined) throw new Error(trouble);
    return readFileSync(fd, "utf8");
  } finally {
    closeSync(fd);
  }
}

function troubleOf(facts: Stats): string | undefined {
  if (facts.isSymbolicLink()) return "is a symbolic link";
  if (!facts.isFile()) return "is not a regular file";
  return (facts.mode & 0o077) === 0 ? undefined : `is open to others (mode ${modeText(facts.mode)})`;
}

/**
 * What of the files that are remembered is not believed, and why, a line each; the next one that is written takes its
 * place.
 */
export function oddRecords(stateDirectory: string): readonly string[] {
  return RECORDS.flatMap((name) => {
    const directory = join(stateDirectory, name);
    return namesIn(directory).flatMap((entry) => {
      const file = join(directory, entry);
      const facts = factsOf(file);
      const trouble = facts && troubleOf(facts);
      return trouble === undefined ? [] : [`${file} ${trouble}, and is not believed`];
    });
  });
}

/** The directories of what is remembered. */
const RECORDS = ["familiar", "patience", "refused", "unreachable"];

/** What is in a directory; nothing where it is none. */
export function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

/** What lstat(2) tells of a file; undefined where it is gone, or nobody may look. */
export function factsOf(file: string): Stats | undefined {
  try {
    return lstatSync(file);
  } catch {
    return undefined;
  }
}

/** Removes a file. What cannot be removed is written over, runs out by itself, or stays as it is. */
export function discard(file: string): void {
  try {
    unlinkSync(file);
  } catch {}
}

/** Removes the files of a directory that were last written more than so many milliseconds ago. */
export function discardOlder(directory: string, ms: number): void {
  for (const name of namesIn(directory)) {
    const file = join(directory, name);
    const facts = factsOf(file);
    if (facts !== undefined && Date.now() - facts.mtimeMs > ms) discard(file);
  }
}
