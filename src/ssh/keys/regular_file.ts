import { constants, type Stats } from "node:fs";
import { open } from "node:fs/promises";

/** Whose a file is, how open it is, and how large. */
export type FileFacts = Pick<Stats, "uid" | "mode" | "size">;

/** The same as readRegularBytes(), as UTF-8. */
export async function readRegular(
  path: string,
  longest?: number,
): Promise<{ readonly text: string; readonly facts: FileFacts }> {
  const { bytes, facts } = await readRegularBytes(path, longest);
  return { text: bytes.toString("utf8"), facts };
}

/**
 * Reads a file that others may have put something else in the place of. Throws an error with a `code`: the
 * system's, or words for what is no regular file. A device is empty: /dev/null is what ssh_config names for
 * no file at all. Of a file of more than `longest` bytes nothing is read.
 */
export async function readRegularBytes(
  path: string,
  longest: number = Number.POSITIVE_INFINITY,
): Promise<{ readonly bytes: Buffer; readonly facts: FileFacts }> {
  // Without O_NONBLOCK the opening of a FIFO waits for a writer (open(2)), on a thread that nothing can end.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  try {
    const facts = await file.stat();
    if (facts.isCharacterDevice()) return { bytes: Buffer.alloc(0), facts };
    // A directory's own error, EISDIR, comes with the reading.
    if (!facts.isFile() && !facts.isDirectory()) {
      throw Object.assign(new Error(`${path} is not a regular file`), { code: "not a regular file" });
    }
    return { bytes: facts.size > longest ? Buffer.alloc(0) : await file.readFile(), facts };
  } finally {
    await file.close();
  }
}
