import fs from "node:fs";
import os from "node:os";
import { main } from "../src/cli/main.ts";
import { accountInFile } from "../src/ssh/passwd.ts";
import type { StandardError, Stdio, World } from "../src/world.ts";

// The only file that touches `process`: it gathers the world outside and sets the exit status.

// A warning of the runtime's on standard error would be read as IMAP.
process.removeAllListeners("warning");
process.on("warning", () => {});

const stderr = standardError();

const world: World = {
  words: process.argv.slice(2),
  env: process.env,
  pid: process.pid,
  uid: process.getuid?.() ?? -1,
  home: homeDirectory(),
  stderr,
  isTerminal,
  elapsed: () => performance.now(),
  write,
  stdio,
  onSignal(listener) {
    for (const signal of ["SIGHUP", "SIGINT", "SIGTERM"] as const) {
      process.on(signal, () => listener(signal, 128 + os.constants.signals[signal]));
    }
  },
  onBug(listener) {
    process.on("uncaughtException", listener);
    process.on("unhandledRejection", listener);
  },
};

main(world).then(
  (status) => process.exit(status),
  (error: unknown) => {
    if (stderr !== "merged") write(2, `${error instanceof Error ? error.stack : String(error)}\n`);
    // EX_SOFTWARE of sysexits(3).
    process.exit(70);
  },
);

/** $HOME, unless it is relative or empty: then it would be the directory that one happens to be in. */
function homeDirectory(): string {
  const { HOME = "" } = process.env;
  return HOME.startsWith("/") ? HOME : (accountInFile(process.getuid?.() ?? -1)?.home ?? "/");
}

function standardError(): StandardError {
  const error = fs.fstatSync(2);
  if (isTerminal(2)) return "terminal";
  const output = fs.fstatSync(1);
  if (error.dev === output.dev && error.ino === output.ino) return "merged";
  return error.isCharacterDevice() && error.rdev === fs.statSync("/dev/null").rdev ? "nowhere" : "separate";
}

/** Whether a descriptor is a terminal. node:tty loads node:net, so it is asked only of what can be one. */
function isTerminal(descriptor: number): boolean {
  return (
    fs.fstatSync(descriptor).isCharacterDevice() && process.getBuiltinModule("node:tty").isatty(descriptor)
  );
}

function write(descriptor: 1 | 2, text: string): boolean {
  let bytes = Buffer.from(text);
  while (bytes.length > 0) {
    try {
      bytes = bytes.subarray(fs.writeSync(descriptor, bytes));
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EAGAIN")) return false;
      // The descriptor came non-blocking from the caller, and its reader is slow.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
  return true;
}

function stdio(): Stdio {
  return { input: process.stdin, output: process.stdout, endOutput };
}

/** process.stdout cannot be closed: its descriptor is given to /dev/null, so that its reader sees the end. */
function endOutput(): void {
  if (fs.fstatSync(1).isSocket()) {
    process.stdout.end();
    return;
  }
  // openSync takes the lowest free descriptor (open(2)): the one that was just closed.
  const shared = stderr === "merged" ? [1, 2] : [1];
  for (const descriptor of shared) fs.closeSync(descriptor);
  for (const _ of shared) fs.openSync("/dev/null", "r+");
}
