import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { program } from "./programs.ts";
import { Received } from "./received.ts";
import { makeTemporary, removeTemporary } from "./temporary.ts";

/** A running ssh-agent. */
export interface Agent extends AsyncDisposable {
  /** Path for SSH_AUTH_SOCK. */
  readonly socket: string;
  readonly pid: number;
}

/** Starts an ssh-agent that holds these private keys (paths); `env` and `words` are what it has more of an environment and of options. */
export async function startAgent(
  identities: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
  words: readonly string[] = [],
): Promise<Agent> {
  const folder = makeTemporary();
  const socket = join(folder, "agent");
  const child = spawn(program("ssh-agent"), ["-D", "-a", socket, ...words], {
    stdio: ["ignore", "pipe", "ignore"],
    env: { ...process.env, ...env },
  });
  await new Received(child.stdout, "ssh-agent").until(/SSH_AUTH_SOCK=/);
  const environment = { ...process.env, SSH_AUTH_SOCK: socket };
  for (const path of identities) execFileSync(program("ssh-add"), ["-q", path], { env: environment });
  return {
    socket,
    pid: child.pid ?? 0,
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
      removeTemporary(folder);
    },
  };
}
