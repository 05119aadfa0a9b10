import { fstatSync, statSync } from "node:fs";
import type { Readable } from "node:stream";
import { main } from "../src/cli/main.ts";
import type { StandardError, Stdio, World } from "../src/world.ts";
import { background, programPath } from "./background.ts";
import { columns, isSameFile, isTerminal, write } from "./descriptors.ts";
import { endOutput } from "./end_output.ts";
import { homeDirectory } from "./home.ts";
import { standardInput } from "./input.ts";
import { leaveOthersHome } from "./others_home.ts";
import { readerIsGone } from "./output_reader.ts";
import { inputIsPipe, pendingInput } from "./pending.ts";
import { passOverRelative } from "./search_path.ts";
import { onSignal } from "./signals.ts";
import { connectWire } from "./sockets.ts";
import { terminal } from "./terminal.ts";
import { tierUp } from "./tiers.ts";

// Only bin/ touches `process`: it gathers the world outside and sets the exit status.

passOverRelative(process.env);

// A warning of the runtime's on standard error would be read as IMAP.
process.removeAllListeners("warning");
process.on("warning", () => {});
// So would be what a library has to say: ssh2's WebAssembly speaks of memory that it does not get.
const unheard = () => {};
Object.assign(console, { log: unheard, info: unheard, debug: unheard, warn: unheard, error: unheard });

let whenBug: (error: unknown) => void = crash;
process.on("uncaughtException", (error) => whenBug(error));
process.on("unhandledRejection", (error) => whenBug(error));

let stderr: StandardError | undefined;

const uid = process.getuid?.() ?? -1;
const home = homeDirectory(process.env, uid);
const elsewhere = leaveOthersHome(process.env, uid, home);

const world: World = {
  words: process.argv.slice(2),
  env: process.env,
  program: programPath,
  pid: process.pid,
  uid,
  home,
  elsewhere,
  system: process.platform,
  // Loaded when it is asked for: a refusal does without, and so does nearly every call.
  hostname: () => process.getBuiltinModule("node:os").hostname(),
  get stderr() {
    stderr ??= standardError();
    return stderr;
  },
  columns,
  elapsed: () => performance.now(),
  write,
  connect: connectWire,
  stdio,
  terminal,
  background,
  inputIsPipe,
  pendingInput,
  tierUp,
  onSignal,
  onBug(listener) {
    whenBug = listener;
  },
};

main(world).then((status) => process.exit(status), crash);

/**
 * The end of a program that does not work. To an IMAP client that reads nothing else it says so in IMAP: a silent end
 * would send it to port 143 (c-client's imap_open), and whoever can cause one would gain by it.
 */
function crash(error: unknown): never {
  const isHeard = world.stderr === "terminal" || world.stderr === "separate";
  if (isHeard) write(2, `${error instanceof Error ? error.stack : String(error)}\n`);
  else if (isImapCall(process.argv.slice(2))) {
    write(1, "* PREAUTH [CAPABILITY IMAP4rev1] preauth\r\n* BYE preauth: internal error\r\n");
  }
  // EX_SOFTWARE of sysexits(3).
  process.exit(70);
}

/** Whether these may be the words of a call for METHOD imap, which no `--` comes behind. */
function isImapCall(words: readonly string[]): boolean {
  return /^(imap|\/etc\/rimapd)$/.test(words.at(-1) ?? "") && !words.includes("--");
}

function standardError(): StandardError {
  try {
    const error = fstatSync(2);
    // First of all, since it is what most mail clients give: to ask whether it is a terminal costs 2 ms.
    const isNull = error.isCharacterDevice() && error.rdev === statSync("/dev/null").rdev;
    if (!isNull && isTerminal(2)) return "terminal";
    if (isSameFile(error, fstatSync(1))) return "merged";
    return isNull ? "nowhere" : "separate";
  } catch {
    return "nowhere";
  }
}

let input: Readable | undefined;

function stdio(): Stdio {
  input ??= standardInput();
  return { input, output: process.stdout, endOutput, readerIsGone };
}
