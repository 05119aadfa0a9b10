import { spawn, spawnSync } from "node:child_process";
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

/** The same beside others: packing takes minutes, and each packer one processor. */
export async function runBeside(program, words, { cwd = root, env = {} } = {}) {
  const child = spawn(program, words, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (said += chunk));
  const ended = await new Promise((resolve, reject) => {
    child.once("error", reject).once("close", (status, signal) => resolve(status ?? signal));
  });
  if (ended !== 0) throw new Error(`${program} ${words.join(" ")} ended ${ended}: ${said.trim()}`);
}
