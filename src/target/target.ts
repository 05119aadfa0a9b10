import type { Decision, Settled } from "../table/decision.ts";
import { Answers, together } from "./answers.ts";
import { destinationOf, type RawAnswers } from "./ask_ssh.ts";
import { byHand } from "./by_hand.ts";
import { type KnownHostsCommand, knownHostsCommand } from "./known_hosts_command.ts";
import { bindsProofs, type Method, methodsOf } from "./methods.ts";
import {
  type AgentVariable,
  agentOrigin,
  agentSocket,
  certificateFiles,
  identityFiles,
  type KnownHostsFiles,
  knownHostsFiles,
  revokedHostKeys,
  tableFiles,
} from "./paths.ts";
import { type Detour, detourOf } from "./proxy_command.ts";
import { type Tcp, tcpOf } from "./tcp_options.ts";
import { expandForShell, type Local, type Meanings, tokensOf } from "./tokens.ts";
import { unbuilt } from "./unbuilt.ts";
import { type Watching, watchingOf } from "./watching.ts";

/** Which addresses of a name to try: ssh_config's AddressFamily. */
export type AddressFamily = "any" | "inet" | "inet6";

/** Names of algorithms that ssh_config allows; undefined where every one is allowed. */
export interface Allowed {
  readonly kex: readonly string[] | undefined;
  readonly hostKey: readonly string[] | undefined;
  readonly cipher: readonly string[] | undefined;
  readonly mac: readonly string[] | undefined;
  /** For the user's own keys: PubkeyAcceptedAlgorithms. */
  readonly userKey: readonly string[] | undefined;
}

/** A line of ssh_config that could not be used. */
export interface PassedOver {
  readonly keyword: string;
  readonly why: string;
}

/** Everything a connection needs, each value settled, with the place it came from. Paths are absolute. */
export interface Target extends KnownHostsFiles {
  /** SERVER as the call had it, for messages. */
  readonly server: string;
  /** The words behind `ssh` that lead there by hand, for messages. */
  readonly byHand: readonly string[];
  /** The same for each host of a ProxyJump. */
  readonly jumps: readonly (readonly string[])[];
  /** The name or address to connect to; an IPv6 address has no brackets. */
  readonly host: Settled<string>;
  readonly port: Settled<number>;
  readonly user: Settled<string>;
  readonly addressFamily: Settled<AddressFamily>;
  readonly tcp: Settled<Tcp>;
  /** What known_hosts calls the server: HostKeyAlias, or the host; `[host]:port` unless the port is 22. */
  readonly hostKeyName: Settled<string>;
  /** Whether a name is hashed before it is written to known_hosts. */
  readonly hashNames: Settled<boolean>;
  /** Files with keys that no server may have; one that cannot be read revokes every key. */
  readonly revokedHostKeys: Settled<readonly string[]>;
  /** Undefined for none. */
  readonly knownHostsCommand: Settled<KnownHostsCommand | undefined>;
  readonly identityFiles: Settled<readonly string[]>;
  /** Only keys named by identityFiles may be offered. */
  readonly identitiesOnly: Settled<boolean>;
  /** Path of the agent's socket; undefined for none. */
  readonly agent: Settled<string | undefined>;
  /** The variable that it was read from; undefined where ssh_config gives it. */
  readonly agentVariable: Settled<AgentVariable | undefined>;
  /** Certificates for keys of identityFiles or the agent. Empty: those beside the identity files. */
  readonly certificateFiles: Settled<readonly string[]>;
  /** What may be tried to log in, best first. */
  readonly methods: Settled<readonly Method[]>;
  /** Whether a key's proof may name the host key, for agents that mind where they sign. */
  readonly bindsProofs: Settled<boolean>;
  /** How often a person is asked for a password, or for a passphrase. */
  readonly passwordPrompts: Settled<number>;
  readonly compression: Settled<boolean>;
  readonly allowed: Settled<Allowed>;
  /** Signatures of host certificates that count: CASignatureAlgorithms; undefined for all. */
  readonly caSignatures: Settled<readonly string[] | undefined>;
  /** Bits of the smallest RSA key to trust or to use. */
  readonly smallestRsa: Settled<number>;
  /** How it is noticed that the server is gone: ServerAliveInterval and ServerAliveCountMax. */
  readonly watching: Settled<Watching>;
  /** Parts of ssh_config that could not be used and are left aside, as ssh(1) does it, each with the reason. */
  readonly passedOver: readonly PassedOver[];
  /** The command whose stdin and stdout are the connection, tokens expanded; undefined for TCP. */
  readonly proxyCommand: Settled<string | undefined>;
  /** The same where somebody can be asked about the hosts on the way. */
  readonly askingProxyCommand: string | undefined;
}

/** NumberOfPasswordPrompts of ssh_config(5). */
const PROMPTS = 3;

/** RequiredRSASize of ssh_config(5). */
const SMALLEST_RSA = 1024;

/**
 * Settles everything a connection needs: the decision of the table and the call, then ssh_config, then
 * ssh(1)'s defaults. `answers` are those of resolve(), undefined without an ssh program. With `plain`,
 * those of baseline(), a value that ssh_config does not change counts as a default; otherwise all that
 * comes from `ssh -G` counts as ssh_config's. Throws a Failure for what cannot be expanded or followed.
 */
export function settle(
  decision: Decision,
  answers: RawAnswers | undefined,
  local: Local,
  plain?: RawAnswers,
): Target {
  const { server, identity } = decision;
  const config = new Answers(answers, plain);
  const host = hostOf(decision, config);
  const port = decision.port ?? config.number("port", 22, 1);
  const user = decision.user ?? config.one("user", local.account.user);
  const alias = config.one("hostkeyalias", undefined);
  const values = {
    uid: local.uid,
    account: local.account,
    original: destinationOf(decision),
    host: host.value,
    port: port.value,
    user: user.value,
    alias: alias.value,
  };
  const detour = detourOf(decision, config, { tokens: tokensOf({ ...values, jump: "" }), home: local.home });
  const tokens = tokensOf({ ...values, jump: detour.value?.jumpHost ?? "" });
  const meanings: Meanings = { home: local.account.home, local, tokens, subject: server };
  const inTable: Meanings = { ...meanings, home: local.home };
  const passedOver: PassedOver[] = [];
  const passOver = (keyword: string, why: string): void => {
    passedOver.push({ keyword, why });
  };
  for (const { keyword, why } of unbuilt(config)) passOver(keyword, why);
  const hostKeyName = hostKeyNameOf(alias, host, port);
  return {
    ...{ server, host, port, user, hostKeyName },
    ...{ byHand: byHand(decision, local.home), jumps: detour.value?.jumps ?? [] },
    addressFamily: familyOf(config),
    tcp: tcpOf(config),
    ...knownHostsFiles(tableFiles(decision.knownHosts, inTable), config, meanings),
    hashNames: config.flag("hashknownhosts"),
    revokedHostKeys: revokedHostKeys(config, meanings),
    knownHostsCommand: decision.knownHosts
      ? { value: undefined, from: decision.knownHosts.from }
      : knownHostsCommand(config, { meanings, hostKeyName: hostKeyName.value, passOver }),
    identityFiles: tableFiles(identity, inTable) ?? identityFiles(config, meanings, passOver),
    identitiesOnly: identity ? { value: true, from: identity.from } : config.flag("identitiesonly"),
    agent: agentSocket(config, meanings, passOver),
    agentVariable: agentOrigin(config, meanings),
    certificateFiles: certificateFiles(config, meanings, passOver),
    methods: methodsOf(config),
    bindsProofs: bindsProofs(config),
    passwordPrompts: config.number("numberofpasswordprompts", PROMPTS, 0),
    compression: decision.compression ?? config.flag("compression"),
    allowed: allowedBy(config),
    watching: watchingOf(config),
    caSignatures: {
      ...config.one("casignaturealgorithms", undefined),
      value: config.list("casignaturealgorithms"),
    },
    smallestRsa: config.number("requiredrsasize", SMALLEST_RSA, 0),
    proxyCommand: expandDetour(detour, meanings),
    askingProxyCommand: detour.value && expandForShell(detour.value.asking, tokens, server),
    passedOver,
  };
}

function hostOf(decision: Decision, config: Answers): Settled<string> {
  const given = destinationOf(decision).toLowerCase();
  const { value, from } = config.one("hostname", given);
  return value.toLowerCase() === given ? { value, from: decision.destination.from } : { value, from };
}

/** sshconnect.c: an alias stands as it is, without the port. */
function hostKeyNameOf(
  alias: Settled<string | undefined>,
  host: Settled<string>,
  port: Settled<number>,
): Settled<string> {
  if (alias.value !== undefined) return { value: alias.value.toLowerCase(), from: alias.from };
  return together(host, port, (name, number) => {
    const lower = name.toLowerCase();
    return number === 22 ? lower : `[${lower}]:${number}`;
  });
}

function familyOf(config: Answers): Settled<AddressFamily> {
  const { value, from } = config.one("addressfamily", "any");
  return value === "inet" || value === "inet6" ? { value, from } : { value: "any", from };
}

function allowedBy(config: Answers): Settled<Allowed> {
  const { from } = config.one("hostkeyalgorithms", undefined);
  const value = {
    kex: config.list("kexalgorithms"),
    hostKey: config.list("hostkeyalgorithms"),
    cipher: config.list("ciphers"),
    mac: config.list("macs"),
    userKey: config.list("pubkeyacceptedalgorithms") ?? config.list("pubkeyacceptedkeytypes"),
  };
  return { value, from };
}

function expandDetour(detour: Settled<Detour | undefined>, meanings: Meanings): Settled<string | undefined> {
  const { value, from } = detour;
  if (value === undefined) return { value, from };
  return { value: expandForShell(value.command, meanings.tokens, meanings.subject), from };
}
