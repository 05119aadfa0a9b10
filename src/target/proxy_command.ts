import { Failure } from "../failure.ts";
import type { Decision, Settled } from "../table/decision.ts";
import type { Config } from "./answers.ts";
import { configFile } from "./ask_ssh.ts";
import { jumpCommand, parseJumps } from "./jump.ts";
import { expandForShell, type Tokens } from "./tokens.ts";
import { unsupported } from "./unsupported.ts";

/** How ssh_config wants the server reached, other than by TCP. */
export interface Detour {
  /** A line for the shell, tokens unexpanded. */
  readonly command: string;
  /** The last host of ProxyJump; empty for ProxyCommand. */
  readonly jumpHost: string;
}

/**
 * Undefined when the server is reached by TCP. `tokens` are those of the destination, which ProxyJump takes as well
 * (ssh_config(5)). Throws a Failure for what cannot be followed.
 */
export function detourOf(
  decision: Decision,
  config: Config,
  { tokens, home }: { readonly tokens: Tokens; readonly home: string },
): Settled<Detour | undefined> {
  const { server } = decision;
  const jump = config.one("proxyjump", "none");
  if (jump.value.toLowerCase() !== "none") {
    const jumps = parseJumps(expandForShell(jump.value, tokens, server));
    if (jumps === undefined) {
      throw new Failure("table", server, `ssh_config says "ProxyJump ${jump.value}", which makes no sense`);
    }
    const command = jumpCommand(jumps, configFile(decision, home));
    return { value: { command, jumpHost: jumps.at(-1)?.host ?? "" }, from: jump.from };
  }
  const { value, from } = config.one("proxycommand", "none");
  if (value.toLowerCase() === "none") return { value: undefined, from };
  if (config.flag("proxyusefdpass").value) throw unsupported(decision, "ProxyUseFdpass", "yes");
  return { value: { command: value, jumpHost: "" }, from };
}
