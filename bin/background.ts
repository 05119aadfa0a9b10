import { closeSync, fstatSync, realpathSync, writeSync } from "node:fs";
import { resolve } from "node:path";
import type { Background } from "../src/world.ts";

/** Says that descriptor 3 leads to the process in front. */
const MARK = "PREAUTH_BACKGROUND";

/** Where the process in the background reports. */
const REPORT = 3;

/** See Background. The process in the background is the same program, in a session of its own and in no directory. */
export const background: Background = {
  isIt: process.env[MARK] === "1" && isPipe(REPORT),

  report(text) {
    try {
      writeSync(REPORT, text);
      closeSync(REPORT);
    } catch {
      // The one in front has gone, or was told before.
    }
  },

  start(words) {
    const { spawn } = process.getBuiltinModule("node:child_process");
    const [program = "", ...own] = ourselves();
    const child = spawn(program, [...own, ...words], {
      detached: true,
      cwd: "/",
      env: { ...process.env, [MARK]: "1" },
      stdio: ["ignore", "ignore", "ignore", "pipe", ...givenSockets()],
    });
    return new Promise((resolve) => {
      let text = "";
      const done = (): void => resolve(text);
      child.once("error", done);
      const pipe = child.stdio[REPORT];
      pipe?.on("data", (chunk: Buffer) => {
        text += chunk.toString();
      });
      pipe?.once("close", done).once("error", done);
      pipe?.once("end", done);
      child.unref();
    });
  },
};

/** The path of this program: the executable, or the script that Node runs; that of a link where it was called by one. */
export function programPath(): string {
  const path = ourselves().at(-1) ?? "";
  if (path !== process.execPath) return path;
  const { argv0 } = process;
  const folders = argv0.includes("/") ? ["."] : (process.env.PATH ?? "").split(":");
  return folders.map((folder) => resolve(folder, argv0)).find((one) => isLinkTo(one, path)) ?? path;
}

function isLinkTo(one: string, path: string): boolean {
  try {
    return realpathSync(one) === path;
  } catch {
    return false;
  }
}

/** Sockets of a service manager's begin at 3, and would be inherited: what holds them keeps their ports (sd_listen_fds(3)). */
function givenSockets(): readonly "ignore"[] {
  const count = process.env.LISTEN_PID === String(process.pid) ? Number(process.env.LISTEN_FDS) : 0;
  return Number.isInteger(count) && count > 1 && count <= 64 ? Array(count - 1).fill("ignore") : [];
}

/** The words that start this program: the executable is one word, Node needs its own options and the script. */
function ourselves(): readonly string[] {
  const script = process.argv[1] ?? "";
  // Where Bun keeps the files inside an executable.
  if (script.startsWith("/$bunfs/")) return [process.execPath];
  return [process.execPath, ...process.execArgv, script];
}

function isPipe(descriptor: number): boolean {
  try {
    const file = fstatSync(descriptor);
    return file.isFIFO() || file.isSocket();
  } catch {
    return false;
  }
}
