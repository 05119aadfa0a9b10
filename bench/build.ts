import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Home } from "../test/peers/home.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Builds the executable of `entry` as preauth is built; gives its path, `outfile`. */
export function build(entry: string, outfile: string): string {
  const words = ["bin/bundle.mjs", entry, outfile];
  execFileSync(join(root, "node_modules/.bin/bun"), words, { cwd: root, stdio: "ignore" });
  return outfile;
}

/** The same of a text, in a home. */
export function buildLike(home: Home, name: string, source: string): string {
  return build(home.write(`${name}.ts`, source), join(home.path, name));
}
