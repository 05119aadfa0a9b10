import { closeSync, fstatSync, openSync, readdirSync, type Stats } from "node:fs";
import { isSameFile } from "./descriptors.ts";
import { shutDownSocket } from "./sockets.ts";

// process.stdout cannot be closed, in Node as in Bun. But a client whose server has ended its output must see
// that end, though what it sends itself goes on.

/** Ends the output for its reader. All that was written must have left; nothing may be written after it. */
export function endOutput(): void {
  const output = fstatSync(1);
  // Nobody waits for the end of a terminal, and messages may follow.
  if (output.isCharacterDevice()) return;
  if (!output.isSocket()) giveAway(output);
  else if (!shutDownSocket(1, () => openSync("/dev/null", "r+"))) process.stdout.end();
}

/**
 * Gives every descriptor of the output to /dev/null, so that nobody holds it: Bun writes to a copy of its own. Where pipes
 * have no numbers, those of Node's own may look like the output, and the program ends by SIGABRT without them: only standard
 * output and standard error are looked at there (Bun does not run on such a system).
 */
function giveAway(output: Stats): void {
  const descriptors = output.ino === 0 ? [1, 2] : readdirSync("/dev/fd").map(Number);
  for (const descriptor of descriptors.filter((one) => one > 0 && isSame(one, output))) {
    closeSync(descriptor);
    // The lowest free descriptor is taken (open(2)): sooner or later the one that was just closed.
    while (openSync("/dev/null", "r+") < descriptor);
  }
}

function isSame(descriptor: number, output: Stats): boolean {
  try {
    return isSameFile(fstatSync(descriptor), output);
  } catch {
    // The directory's own, closed by now.
    return false;
  }
}
