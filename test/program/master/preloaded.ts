import type { Home } from "../../peers/home.ts";

/**
 * Environment that makes a master of either form run `script` when it gets SIGUSR2: both runtimes can be told to load
 * a file before the program. For what no peer can do to it from outside, such as a crash or a clock that jumps.
 */
export function preloaded(home: Home, script: string): Readonly<Record<string, string>> {
  const file = home.write("preload.cjs", `process.on("SIGUSR2", () => { ${script} });\n`);
  return { NODE_OPTIONS: `--require=${file}`, BUN_OPTIONS: `--preload=${file}` };
}
