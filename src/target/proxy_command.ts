import { Failure } from "../failure.ts";
import type { Decision, Settled } from "../table/decision.ts";
import type { Answers } from "./answers.ts";
import { configFile } from "./ask_ssh.ts";
import { jumpByHand } from "./by_hand.ts";
import { expandJumps, jumpCommand, parseJumps } from "./jump.ts";
import type { Tokens } from "./tokens.ts";
import { unsupported } from "./unsupported.ts";

/** How ssh_config wants the server reached, other than by TCP. */
export interface Detour {
  /** A line for the shell, tokens unexpanded. */
  readonly command: string;
  /** The same where somebody can be asked what an ssh on the way wants to know. */
  readonly asking: string;
  /** The last host of ProxyJump; empty for ProxyCommand. */
  readonly jumpHost: string;
  /** For each host on the way of a ProxyJump, the words behind `ssh` that lead to it by hand. */
  readonly jumps: readonly (readonly string[])[];
}

/**
 * Undefined when the server is reached by TCP. `tokens` are those of the destination, which ProxyJump takes as well
 * (ssh_config(5)). Throws a Failure for what cannot be followed.
 */
export function detourOf(
  decision: Decision,
  config: Answers,
  { tokens, home }: { readonly tokens: Tokens; readonly home: string },
): Settled<Detour | undefined> {
  const { server } = decision;
  const jump = config.one("proxyjump", "none");
  if (jump.value.toLowerCase() !== "none") {
    const jumps = parseJumps(expandJumps(jump.value, tokens, server));
    if (jumps === undefined) {
      throw new Failure(
        "table",
        server,
        `ssh_config says "ProxyJump ${jump.value}", which is not a list of hosts`,
      );
    }
    const file = configFile(decision, home);
    const ways = jumps.map((one, index) => jumpByHand(one, jumps.slice(0, index), file));
    const jumpHost = jumps.at(-1)?.host ?? "";
    const command = jumpCommand(jumps, file);
    const asking = jumpCommand(jumps, file, { mayAsk: true });
    return { value: { command, asking, jumpHost, jumps: ways }, from: jump.from };
  }
  const { value, from } = config.one("proxycommand", "none");
  if (value.toLowerCase() === "none") return { value: undefined, from };
  if (config.flag("proxyusefdpass").value) throw unsupported(decision, "ProxyUseFdpass", "yes");
  return { value: { command: value, asking: value, jumpHost: "", jumps: [] }, from };
}
