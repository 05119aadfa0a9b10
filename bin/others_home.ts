import { statSync } from "node:fs";
import { dirname, join } from "node:path";
import { accountInFile } from "../src/target/passwd.ts";

/**
 * Root with somebody else's HOME (sudo -E, su without a dash) would leave files there that its owner's own calls may
 * neither read nor write. What root writes goes to root's own home then, for this program and all that it starts. Gives a
 * sentence about it, or undefined where nothing of the kind is so.
 */
export function leaveOthersHome(env: NodeJS.ProcessEnv, uid: number, home: string): string | undefined {
  if (uid !== 0) return undefined;
  const { XDG_STATE_HOME = "" } = env;
  const isOwnWord = XDG_STATE_HOME.startsWith("/");
  const place = occupiedBy(isOwnWord ? XDG_STATE_HOME : join(home, ".local/state"));
  if (place.uid === 0) return undefined;
  env.XDG_STATE_HOME = join(accountInFile(0)?.home ?? "/", ".local/state");
  const how =
    place.uid === undefined ? `cannot be looked at (${place.trouble})` : `belongs to uid ${place.uid}`;
  const whose = `${isOwnWord ? "XDG_STATE_HOME" : "HOME"} ${how}`;
  return `${whose}, so root's log, and what it remembers, is in ${env.XDG_STATE_HOME}/preauth`;
}

/** The owner of a directory, or of where it would be made; undefined where root may not look, as in a home on NFS (root_squash). */
function occupiedBy(directory: string): { readonly uid: number | undefined; readonly trouble?: string } {
  try {
    return { uid: statSync(directory).uid };
  } catch (error) {
    const { code = "?" } = error as NodeJS.ErrnoException;
    const isMissing = code === "ENOENT" || code === "ENOTDIR";
    if (isMissing && directory !== "/") return occupiedBy(dirname(directory));
    return { uid: undefined, trouble: code };
  }
}
