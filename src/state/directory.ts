import { closeSync, constants, fchmodSync, fstatSync, mkdirSync, openSync } from "node:fs";
import { dirname, isAbsolute, join } from "node:path";
import { ownUid } from "../own_process.ts";
import { dangerOn } from "../safe_way.ts";

/** preauth's own directory for what it remembers: $XDG_STATE_HOME/preauth (XDG Base Directory Specification). */
export function stateDirectory(env: Readonly<Record<string, string | undefined>>, home: string): string {
  const base = env.XDG_STATE_HOME;
  // The specification has relative paths ignored.
  return join(base !== undefined && isAbsolute(base) ? base : join(home, ".local/state"), "preauth");
}

/**
 * Makes a directory that only its owner can enter, with its parents; one that is there and others could enter is closed
 * to them. Throws as mkdir(2) and fchmod(2) do, so where it is another's; and where somebody else could have led us to
 * that directory, which may be any of the user's own.
 */
export function makePrivateDirectory(directory: string): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const fd = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    if ((fstatSync(fd).mode & 0o077) === 0) return;
    const uid = ownUid();
    const danger = uid === undefined ? undefined : dangerOn(dirname(directory), uid);
    if (danger !== undefined) throw new Error(danger.what);
    fchmodSync(fd, 0o700);
  } finally {
    closeSync(fd);
  }
}
