/*
 * npm run demo: what it needs, the build, and then test/demo.ts with the options of this call. Plain Node, as
 * it runs on a fresh clone.
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const options = process.argv.slice(2);
const file = (name) => fileURLToPath(new URL(name, import.meta.url));

// Ctrl-C reaches whatever runs just now as well; we wait until that has cleaned up.
process.on("SIGINT", () => {});

for (const words of [
  [file("setup.mjs"), "demo", ...options],
  [file("../bin/build.mjs")],
  ["--import", "tsx", file("demo.ts"), ...options],
]) {
  const { status } = spawnSync(process.execPath, words, { stdio: "inherit", cwd: file("..") });
  if (status !== 0) process.exit(status ?? 1);
}
