import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../..", import.meta.url));

/** Runs a program to its end and gives what it said; throws with that when it fails. */
export function run(program, words, { cwd = root, env = {}, input, status: wanted = 0 } = {}) {
  const result = spawnSync(program, words, {
    cwd,
    input: input ?? "",
    env: { ...process.env, ...env },
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  if (result.error !== undefined) throw new Error(`${program}: ${result.error.message}`);
  if (result.status !== wanted) {
    const said = `${result.stdout}${result.stderr}`.trim();
    throw new Error(`${program} ${words.join(" ")} ended ${result.status ?? result.signal}: ${said}`);
  }
  return result.stdout;
}
