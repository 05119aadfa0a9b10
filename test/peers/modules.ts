import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Home } from "./home.ts";

/** Writes the names of Node's own modules that were loaded, at the end of the process. */
const HOOK = `
  const fs = require("node:fs");
  process.on("exit", () => {
    const names = process.moduleLoadList.map((entry) => entry.replace(/^(NativeModule|Internal Binding) /, "$1:"));
    fs.writeFileSync(process.env.LOADED, names.join("\\n"));
  });
`;

/** What tells which of Node's own modules a process has loaded. */
export interface Loaded {
  /** Words for node, in front of the script's. */
  readonly options: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Names such as "fs", once the process has ended. */
  read(): readonly string[];
}

export function loadedModules(home: Home): Loaded {
  const file = join(home.path, "loaded");
  const prefix = "NativeModule:";
  const read = () => {
    assert.equal(existsSync(file), true, "the hook has written its list");
    const names = readFileSync(file, "utf8").split("\n");
    return names.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
  };
  return { options: ["-r", home.write("hook.cjs", HOOK)], env: { LOADED: file }, read };
}
