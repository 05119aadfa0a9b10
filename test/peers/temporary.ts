import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A directory of one's own, 0700, with a short path (a socket's path has 107 bytes). */
export function makeTemporary(): string {
  return mkdtempSync(join(realpathSync(tmpdir()), "pre-"));
}

/** Removes a directory made by makeTemporary(); what still writes there is asked again a few times. */
export function removeTemporary(path: string): void {
  rmSync(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
}
