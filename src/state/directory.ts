import { closeSync, constants, fchmodSync, fstatSync, mkdirSync, openSync } from "node:fs";
import { isAbsolute, join } from "node:path";

/** preauth's own directory for what it remembers: $XDG_STATE_HOME/preauth (XDG Base Directory Specification). */
export function stateDirectory(env: Readonly<Record<string, string | undefined>>, home: string): string {
  const base = env.XDG_STATE_HOME;
  // The specification has relative paths ignored.
  return join(base !== undefined && isAbsolute(base) ? base : join(home, ".local/state"), "preauth");
}

/**
 * Makes a directory that only its owner can enter, with its parents; one that is there and others could enter is closed
 * to them. Throws as mkdir(2) and fchmod(2) do, so where it is another's.
 */
export function makePrivateDirectory(directory: string): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const fd = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    if ((fstatSync(fd).mode & 0o077) !== 0) fchmodSync(fd, 0o700);
  } finally {
    closeSync(fd);
  }
}
