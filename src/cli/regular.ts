import { closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs";

/**
 * The bytes of a file that belongs to a mail program. A device is empty, as for keys: /dev/null stands for no file at all.
 * Throws the system's error, of code EISDIR for a directory and ENXIO for whatever else is no regular file: to open a FIFO
 * would wait for a writer (open(2)).
 */
export function readRegular(path: string): Buffer {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  try {
    const file = fstatSync(fd);
    if (file.isCharacterDevice()) return Buffer.alloc(0);
    // Reading a directory fails by itself.
    if (file.isFile() || file.isDirectory()) return readFileSync(fd);
    throw Object.assign(new Error(`${path} is not a regular file`), { code: "ENXIO" });
  } finally {
    closeSync(fd);
  }
}
