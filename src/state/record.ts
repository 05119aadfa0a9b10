import { createHash } from "node:crypto";
import { readFileSync, renameSync, unlinkSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { makePrivateDirectory } from "./directory.ts";

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
    writeFileSync(draft, JSON.stringify(record), { mode: 0o600 });
    renameSync(draft, file);
  } catch {
    discard(draft);
  }
}

/** The record in a file; undefined when there is none that `isOne`, or it has more characters than `most`. */
export function readRecord<T>(
  file: string,
  isOne: (value: unknown) => value is T,
  most = Number.POSITIVE_INFINITY,
): T | undefined {
  try {
    const text = readFileSync(file, "utf8");
    const value: unknown = text.length > most ? undefined : JSON.parse(text);
    return isOne(value) ? value : undefined;
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
