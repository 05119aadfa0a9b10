/*
 * npm run bench: what it needs, the build, and then bench/bench.ts with the options of this call. Plain Node, as it
 * runs on a fresh clone. PREAUTH_DIST names another build to measure; then nothing is built.
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const options = process.argv.slice(2);
const file = (name) => fileURLToPath(new URL(name, import.meta.url));

// Ctrl-C reaches whatever runs just now as well; we wait until that has cleaned up.
process.on("SIGINT", () => {});

for (const words of [
  [file("../test/setup.mjs"), "bench"],
  ...(process.env.PREAUTH_DIST === undefined ? [[file("../bin/build.mjs")]] : []),
  ["--import", "tsx", file("bench.ts"), ...options],
]) {
  const { status } = spawnSync(process.execPath, words, { stdio: "inherit", cwd: file("..") });
  if (status !== 0) process.exit(status ?? 1);
}
