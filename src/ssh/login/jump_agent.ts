import { parseAnswers } from "../../target/ask_ssh.ts";
import { typed } from "../../target/by_hand.ts";
import { type RunOptions, runProgram } from "../../target/run_program.ts";
import { sshAdd } from "./agent_hints.ts";

/** ssh(1)'s defaults, which are those of ssh-add(1) too: the first of them is the first in every version. */
const USUAL_FILE = "~/.ssh/id_rsa";

/**
 * The line for a shell that adds the keys of the host that `words` behind `ssh` lead to, to the agent that an ssh asks for that
 * host; undefined where that cannot be told.
 */
export async function addingForJump(
  words: readonly string[],
  options: RunOptions,
): Promise<string | undefined> {
  const ran = await runProgram("ssh", ["-G", "-T", ...words], options).catch(() => undefined);
  if (ran?.status !== 0) return undefined;
  const answers = parseAnswers(ran.stdout);
  const [agent = "SSH_AUTH_SOCK"] = answers.get("identityagent") ?? [];
  const add = `${adder(agent)}${keyFiles(answers.get("identityfile") ?? [])}`;
  return agent === "none" ? `${add}, and leave IdentityAgent out of ssh_config for that host` : add;
}

/** IdentityAgent is a path, the variable that has it, or "none". */
function adder(agent: string): string {
  if (agent === "none" || agent === "SSH_AUTH_SOCK") return "ssh-add";
  return agent.startsWith("$")
    ? sshAdd({ path: "", variable: { name: agent.slice(1), keptBy: undefined } })
    : sshAdd({ path: agent, variable: undefined });
}

/** `ssh -G` prints them as they were written. Left out: those with a token or another user's home, and the .pub of a key of the agent. */
function keyFiles(files: readonly string[]): string {
  if (files[0] === USUAL_FILE) return "";
  const usable = files.filter((file) => !/^~(?!\/)|[%$]|\.pub$/.test(file));
  return usable
    .map((file) => ` ${file.startsWith("~/") ? `~/${typed(file.slice(2))}` : typed(file)}`)
    .join("");
}
