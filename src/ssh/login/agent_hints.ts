import { quoted } from "../../shell_word.ts";
import type { AgentVariable } from "../../target/paths.ts";

/** Where an agent is. */
export interface AgentPlace {
  /** Undefined where there is none. */
  readonly path: string | undefined;
  /** Undefined where ssh_config gives the path. */
  readonly variable: AgentVariable | undefined;
}

const USUAL = "SSH_AUTH_SOCK";

/** The beginning of a line that speaks to this agent: ssh-add(1) looks at SSH_AUTH_SOCK, and not at ssh_config. */
export function sshAdd({ path, variable }: AgentPlace): string {
  if (path === undefined || variable?.name === USUAL) return "ssh-add";
  return `${USUAL}=${variable === undefined ? quoted(path) : `"$${variable.name}"`} ssh-add`;
}

/** What to do where there is no agent, and one would help. */
export function startAgent(variable: AgentVariable | undefined): string {
  return variable === undefined
    ? "leave IdentityAgent out of ssh_config for this host"
    : `start an agent: ${starting(variable)}`;
}

/**
 * What to do where the agent is gone. Who `isAsked` is at a terminal of the same environment, and tries again; a mail client
 * keeps the environment that it was started in.
 */
export function freshAgent(variable: AgentVariable | undefined, isAsked: boolean): string {
  if (variable === undefined)
    return "start the agent that IdentityAgent of ssh_config names, or leave that line out for this host";
  if (variable.keptBy === "tmux") {
    const again = isAsked ? "" : ", and start the mail client again";
    return `take the new one${again}: eval "$(tmux show-environment -s ${variable.name})"`;
  }
  const after = isAsked ? "" : ", and the mail client after it";
  return `start an agent${after}: ${starting(variable)} && ssh-add`;
}

/** ssh-agent(1) prints the usual variable alone. */
function starting({ name }: AgentVariable): string {
  return `eval "$(ssh-agent)"${name === USUAL ? "" : ` && export ${name}="$${USUAL}"`}`;
}
