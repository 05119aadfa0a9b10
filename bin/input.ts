import type { Readable } from "node:stream";

// Bun's process.stdin sometimes loses the end of a pipe when it is paused and resumed (1.4.5: 5 times of 25 where a
// reader of half a MB paused after every chunk), and an upload would never end. Read when it says that it is readable,
// it does not: this stream does so, and may be paused like any other.

/** Standard input. */
export function standardInput(): Readable {
  const { stdin } = process;
  // Loaded here: a refusal reads nothing, and does without.
  const { Readable } = process.getBuiltinModule("node:stream");
  let isWanted = false;
  const pass = (): void => {
    if (!isWanted) return;
    const chunk: unknown = stdin.read();
    if (chunk === null) return;
    isWanted = false;
    input.push(chunk);
  };
  const input = new Readable({
    read() {
      isWanted = true;
      pass();
    },
    destroy(error, done) {
      stdin.destroy();
      done(error);
    },
  });
  stdin.on("readable", pass);
  stdin.once("end", () => input.push(null));
  stdin.once("error", (error) => input.destroy(error));
  stdin.once("close", () => {
    if (!stdin.readableEnded) input.destroy();
  });
  return input;
}
