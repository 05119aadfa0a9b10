import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { State } from "../../../src/forwards/state.ts";
import type { Forward } from "../../../src/table/table.ts";
import { Received } from "../../peers/received.ts";
import { within } from "../../peers/waiting.ts";

const BUN = fileURLToPath(new URL("../../../node_modules/.bin/bun", import.meta.url));
const SOURCE = fileURLToPath(new URL("holder.ts", import.meta.url));

/** The holder in the two forms of the program, and called as they are. */
export interface Forms {
  readonly node: readonly string[];
  readonly executable: readonly string[];
}

/** Makes both forms: twenty of them start in a moment then. */
export function buildHolder(folder: string): Forms {
  const build = (...options: readonly string[]): void => {
    execFileSync(BUN, ["build", SOURCE, "--format=cjs", ...options], {
      stdio: ["ignore", "pipe", "inherit"],
    });
  };
  const script = join(folder, "preauth.js");
  build("--target=node", `--outfile=${script}`);
  const executable = join(folder, "preauth");
  build("--compile", `--outfile=${executable}`);
  return { node: [process.execPath, script], executable: [executable] };
}

/** A process that holds forwards. */
export interface Holder extends AsyncDisposable {
  readonly pid: number;
  /** All that it has noted and answered so far. */
  readonly text: string;
  /** Brings forwards up; gives how each one stands. */
  hold(plan: readonly Forward[]): Promise<readonly State[]>;
  /** Has it give up its ports and sockets. */
  stop(): Promise<unknown>;
  /** Waits until it carries no connection. */
  idle(): Promise<unknown>;
}

/** Starts a holder with these words. */
export async function startHolder([command = "", ...words]: readonly string[]): Promise<Holder> {
  const child = spawn(command, words, { stdio: ["pipe", "pipe", "inherit"], cwd: "/" });
  const output = new Received(child.stdout, `the holder ${command}`);
  await output.until(/^ready\n/);
  let number = 0;
  const ask = async (command: string): Promise<string> => {
    number++;
    child.stdin.write(`${number} ${command}\n`);
    const [, answer = ""] = await output.until(new RegExp(`^= ${number} (.*)$`, "m"));
    return answer;
  };
  return {
    pid: child.pid ?? -1,
    get text() {
      return output.text;
    },
    hold: async (plan) => JSON.parse(await ask(`hold ${JSON.stringify(plan)}`)),
    stop: () => ask("stop"),
    idle: () => ask("idle"),
    [Symbol.asyncDispose]: async () => {
      child.stdin.end();
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = within(once(child, "exit"), "the end of a holder", () => output.text);
      await ended.finally(() => child.kill("SIGKILL"));
    },
  };
}
