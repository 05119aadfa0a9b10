/*
 * Runs every test: most of them two files at a time, and then, one at a time, those that look at a clock or at the memory of
 * one process while others must not be held up by more than the contract says.
 */
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Files that have the machine to themselves. */
const ALONE = [
  "test/program/forwards/flood.test.ts",
  "test/program/hostile/greed.test.ts",
  "test/program/master/starts.test.ts",
  "test/program/master/trouble.test.ts",
];

const files = readdirSync(new URL(".", import.meta.url), { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".test.ts") && !name.startsWith(".cache"))
  .map((name) => `test/${name}`)
  .sort();
const missing = ALONE.filter((file) => !files.includes(file));
if (missing.length > 0) throw new Error(`no such test: ${missing.join(", ")}`);

/** Gives the exit status. */
function run(concurrency, names) {
  const options = ["--import", "tsx", "--test", `--test-concurrency=${concurrency}`, "--test-reporter=spec"];
  return spawnSync(process.execPath, [...options, ...names], { cwd: root, stdio: "inherit" }).status ?? 1;
}

const statuses = [
  run(1, ALONE),
  run(
    2,
    files.filter((file) => !ALONE.includes(file)),
  ),
];
process.exit(statuses.every((status) => status === 0) ? 0 : 1);
