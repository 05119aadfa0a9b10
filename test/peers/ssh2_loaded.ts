import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import type { Home } from "./home.ts";

/** ssh2 asks for these lists when it is loaded (its lib/protocol/constants.js), and nothing else of the program does. */
const HOOK = `
  const crypto = require("node:crypto");
  const fs = require("node:fs");
  const write = (what) => fs.appendFileSync(process.env.SSH2_LOADED, process.pid + " " + what + "\\n");
  for (const name of ["getCiphers", "getHashes"]) {
    const own = crypto[name];
    crypto[name] = (...words) => {
      write("ssh2");
      return own(...words);
    };
  }
  write("hook");
`;

/** What tells which processes have loaded ssh2, of either built form: both runtimes can be told to load a file first. */
export interface Ssh2Loaded {
  readonly env: Readonly<Record<string, string>>;
  /** Whether this process has; it must have run the hook. */
  by(pid: number): boolean;
}

export function ssh2Loaded(home: Home): Ssh2Loaded {
  const hook = home.write("ssh2-hook.cjs", HOOK);
  const list = home.write("ssh2-loaded", "");
  return {
    env: { NODE_OPTIONS: `--require=${hook}`, BUN_OPTIONS: `--preload=${hook}`, SSH2_LOADED: list },
    by: (pid) => {
      const lines = readFileSync(list, "utf8").split("\n");
      assert.ok(lines.includes(`${pid} hook`), "the hook has run");
      return lines.includes(`${pid} ssh2`);
    },
  };
}
