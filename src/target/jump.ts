import { Failure } from "../failure.ts";
import { quoted } from "../shell_word.ts";
import { expandForShell, expandTokens, type Tokens } from "./tokens.ts";

/** One of the hosts that ProxyJump names. */
export interface Jump {
  readonly user: string | undefined;
  /** An alias of ssh_config, a name or an address, the latter without brackets. */
  readonly host: string;
  readonly port: string | undefined;
}

/** `[user@]host[:port]` or `ssh://[user@]host[:port]`, the host in brackets when it has colons of its own. */
const JUMP = /^(?:ssh:\/\/)?(?:(.+)@)?(\[[^\]]+\]|[^:]+)(?::(\d+))?\/?$/;

/** The hosts of a ProxyJump in the order in which they are passed; undefined where one of them makes no sense. */
export function parseJumps(text: string): readonly [Jump, ...Jump[]] | undefined {
  const jumps = text.split(",").map((part) => {
    // ssh(1) leaves quotes to the shell that starts the next ssh.
    const [, user, name, port] = JUMP.exec(part.replace(/^"([^"]*)"$/, "$1")) ?? [];
    const host = name?.replace(/^\[|\]$/g, "");
    // What begins with a dash would be an option.
    return host === undefined || host.startsWith("-") ? undefined : { user, host, port };
  });
  const [first, ...rest] = jumps.filter((jump) => jump !== undefined);
  return first === undefined || rest.length + 1 < jumps.length ? undefined : [first, ...rest];
}

/**
 * A ProxyJump with its tokens: parted first and expanded then, field by field, as ssh(1) does it (parse_jump() of
 * readconf.c). Throws a Failure where a value would part it otherwise: it would lead over another host.
 */
export function expandJumps(text: string, tokens: Tokens, server: string): string {
  const expanded = expandForShell(text, tokens, server);
  const field = (value: string | undefined): string | undefined =>
    value === undefined ? undefined : expandTokens(value, tokens, server);
  const meant = parseJumps(text)?.map(({ user, host, port }) => [field(user), field(host), port]);
  const found = parseJumps(expanded)?.map(({ user, host, port }) => [user, host, port]);
  if (JSON.stringify(meant) === JSON.stringify(found)) return expanded;
  throw new Failure("table", server, `words of the call cannot stand in "ProxyJump ${text}"`);
}

/**
 * What every host on the way is reached with, whatever ssh_config says: no key is trusted but by
 * known_hosts, nothing is written, forwarded or left behind, and no master is used whose trust was decided elsewhere.
 */
const STRICTLY = [
  "StrictHostKeyChecking=yes",
  "NoHostAuthenticationForLocalhost=no",
  "VerifyHostKeyDNS=no",
  "UpdateHostKeys=no",
  "ControlMaster=no",
  "ControlPath=none",
  "ForwardAgent=no",
  "ForwardX11=no",
  "Tunnel=no",
  "RemoteCommand=none",
].flatMap((option) => ["-o", option]);

/**
 * The ProxyCommand that goes through the jumps, the first one first: one ssh for each, the earlier ones below the
 * last. ssh's own -J would not hand the options on to the others. `sshConfig` is the FILE of `ssh -F`. %h and %p in
 * it are those of the destination; all else is literal, each percent sign doubled. `mayAsk`: whether somebody can be asked.
 */
export function jumpCommand(
  jumps: readonly [Jump, ...Jump[]],
  sshConfig: string | undefined,
  { mayAsk } = { mayAsk: false },
): string {
  const { user, host, port } = jumps.at(-1) ?? jumps[0];
  const [first, ...others] = jumps.slice(0, -1);
  const words = [
    ...["ssh", "-o", `BatchMode=${mayAsk ? "no" : "yes"}`, ...STRICTLY],
    ...(sshConfig === undefined ? [] : ["-F", sshConfig]),
    ...(user === undefined ? [] : ["-l", user]),
    ...(port === undefined ? [] : ["-p", port]),
    ...(first === undefined
      ? []
      : ["-o", `ProxyCommand=${jumpCommand([first, ...others], sshConfig, { mayAsk })}`]),
  ];
  return `${literal(words)} -W '[%h]:%p' -- ${literal([host])}`;
}

function literal(words: readonly string[]): string {
  return words.map(quoted).join(" ").replaceAll("%", "%%");
}
