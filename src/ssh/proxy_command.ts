import { Failure } from "../failure.ts";
import { quoted } from "../shell_word.ts";
import type { Settled } from "../table/decision.ts";
import type { Config } from "./config.ts";
import { expandTokens, type Tokens } from "./tokens.ts";

/** How ssh_config wants the server reached, other than by TCP. */
export interface Detour {
  /** A line for the shell, tokens unexpanded. */
  readonly command: string;
  /** The last host of ProxyJump; empty for ProxyCommand. */
  readonly jumpHost: string;
}

/** Undefined when the server is reached by TCP. `sshConfig` is the table's FILE of `ssh -F`. */
export function detourOf(
  server: string,
  config: Config,
  sshConfig: string | undefined,
): Settled<Detour | undefined> {
  const jump = config.one("proxyjump", "none");
  if (jump.value !== "none") return { value: jumpBy(server, jump.value, sshConfig), from: jump.from };
  const { value, from } = config.one("proxycommand", "none");
  if (value.toLowerCase() === "none") return { value: undefined, from };
  if (config.flag("proxyusefdpass").value) {
    throw new Failure("table", server, 'ssh_config says "ProxyUseFdpass yes", which is not supported');
  }
  return { value: { command: value, jumpHost: "" }, from };
}

/** `[user@]host[:port]`, the host in brackets when it has colons of its own. */
const JUMP = /^(?:(.+)@)?(\[[^\]]+\]|[^:]+)(?::(\d+))?$/;

/**
 * ProxyJump as ssh(1) does it, by a ProxyCommand that runs ssh itself; and with BatchMode, since a mail
 * client's terminal is not there to be asked on.
 */
function jumpBy(server: string, jumps: string, sshConfig: string | undefined): Detour {
  const comma = jumps.lastIndexOf(",");
  const [, user, name, port] = JUMP.exec(jumps.slice(comma + 1)) ?? [];
  const extra = comma < 0 ? undefined : jumps.slice(0, comma);
  const jumpHost = name?.replace(/^\[|\]$/g, "");
  if (jumpHost === undefined) {
    throw new Failure("table", server, `ssh_config says "ProxyJump ${jumps}", which makes no sense`);
  }
  // The tokens that ProxyJump takes (ssh_config(5)) are expanded in the whole command; FILE has none.
  const words = [
    ...["ssh", "-o", "BatchMode=yes"],
    ...(user === undefined ? [] : ["-l", user]),
    ...(port === undefined ? [] : ["-p", port]),
    ...(extra === undefined ? [] : ["-J", extra]),
    ...(sshConfig === undefined ? [] : ["-F", sshConfig.replaceAll("%", "%%")]),
  ];
  const before = words.map(quoted).join(" ");
  return { command: `${before} -W '[%h]:%p' -- ${quoted(jumpHost)}`, jumpHost };
}

/** Tokens that a mail client has a say in: a mailbox name holds a host and a user. */
const CALLERS = ["h", "n", "r", "k"];

/**
 * The command with its tokens. They end up in a shell's line, so what came with the call must not mean
 * anything to a shell. Throws a Failure when it could.
 */
export function expandProxyCommand(command: string, tokens: Tokens, server: string): string {
  for (const letter of CALLERS) {
    const value = tokens[letter] ?? "";
    if (/^[\w.@:%+=,-]*$/.test(value) || !command.includes(`%${letter}`)) continue;
    throw new Failure("table", server, `"${value}" cannot stand in a ProxyCommand`);
  }
  return expandTokens(command, tokens, server);
}
