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
  const owner = occupantOf(isOwnWord ? XDG_STATE_HOME : join(home, ".local/state"));
  if (owner === 0) return undefined;
  env.XDG_STATE_HOME = join(accountInFile(0)?.home ?? "/", ".local/state");
  const whose = `${isOwnWord ? "XDG_STATE_HOME" : "HOME"} belongs to uid ${owner}`;
  return `${whose}, so root's log, and what it remembers, is in ${env.XDG_STATE_HOME}/preauth`;
}

/** The owner of a directory, or of where it would be made. */
function occupantOf(directory: string): number {
  const facts = statSync(directory, { throwIfNoEntry: false });
  if (facts !== undefined || directory === "/") return facts?.uid ?? 0;
  return occupantOf(dirname(directory));
}
