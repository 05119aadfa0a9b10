import { resolve as absolute, isAbsolute } from "node:path";
import { Failure } from "../failure.ts";
import type { Decision, Settled } from "../table/decision.ts";
import { type Answers, together } from "./answers.ts";
import type { RawAnswers } from "./ask_ssh.ts";
import { expandPath, type Meanings, requireOnePath } from "./tokens.ts";

// ssh(1)'s own defaults: IdentityFile, UserKnownHostsFile, GlobalKnownHostsFile.
const IDENTITIES = ["id_rsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk"];
const USER_KNOWN_HOSTS = ["~/.ssh/known_hosts", "~/.ssh/known_hosts2"];
const GLOBAL_KNOWN_HOSTS = ["/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"];

/** The files of a key of the table; a relative path is one below home. Undefined where it has none. */
export function tableFiles(
  paths: Settled<readonly string[]> | undefined,
  meanings: Meanings,
): Settled<readonly string[]> | undefined {
  return paths && { value: expandAll(paths.value, meanings, meanings.home), from: paths.from };
}

/** Told of what is left aside: the keyword, and why. */
export type PassOver = (keyword: string, why: string) => void;

/** The paths that come as they were written, of ssh_config and the table: they may name the homes of other users. */
export function writtenPaths({ identity, knownHosts }: Decision, answers: RawAnswers): readonly string[] {
  const inConfig = ["identityfile", "certificatefile"].flatMap((key) => answers.get(key) ?? []);
  return [...inConfig, ...(identity?.value ?? []), ...(knownHosts?.value ?? [])];
}

/** IdentityFile, which `ssh -G` prints as it was written. */
export function identityFiles(
  config: Answers,
  meanings: Meanings,
  passOver: PassOver,
): Settled<readonly string[]> {
  const { value, from } = config.all(
    "identityfile",
    IDENTITIES.map((name) => `~/.ssh/${name}`),
  );
  return { value: expandUsable("IdentityFile", value, meanings, passOver), from };
}

/** The variable of the environment that named an agent. */
export interface AgentVariable {
  readonly name: string;
  /** The program whose windows keep the environment of the login that started it. */
  readonly keptBy: "tmux" | "screen" | undefined;
}

/** Where trusted host keys are read, and where a new one goes. */
export interface KnownHostsFiles {
  readonly knownHosts: Settled<readonly string[]>;
  /** The first of the user's own; undefined where there is none, and nothing is ever remembered. */
  readonly newHostKeys: Settled<string | undefined>;
}

/** The table's known_hosts, which stands for the user's and the system's; else those that ssh_config names. */
export function knownHostsFiles(
  inTable: Settled<readonly string[]> | undefined,
  config: Answers,
  meanings: Meanings,
): KnownHostsFiles {
  if (inTable !== undefined) return withFirst(inTable, inTable);
  const user = filesOf("userknownhostsfile", USER_KNOWN_HOSTS, config, meanings);
  const global = filesOf("globalknownhostsfile", GLOBAL_KNOWN_HOSTS, config, meanings);
  return withFirst(
    together(user, global, (userFiles, globalFiles) => [...userFiles, ...globalFiles]),
    user,
  );
}

function filesOf(
  key: string,
  otherwise: readonly string[],
  config: Answers,
  meanings: Meanings,
): Settled<readonly string[]> {
  const { value, from } = config.one(key, undefined);
  if (value === undefined) return { value: expandAll(otherwise, meanings), from };
  requireOnePath(value, meanings);
  return { value: pathsIn(value, meanings), from };
}

function withFirst(
  knownHosts: Settled<readonly string[]>,
  user: Settled<readonly string[]>,
): KnownHostsFiles {
  return { knownHosts, newHostKeys: { value: user.value[0], from: user.from } };
}

/** RevokedHostKeys, one file up to OpenSSH 10.2, several later. `ssh -G` prints it as it prints known_hosts. */
export function revokedHostKeys(config: Answers, meanings: Meanings): Settled<readonly string[]> {
  return filesOf("revokedhostkeys", [], config, meanings);
}

/**
 * Reads a line of paths. `ssh -G` prints them without quotes: what does not begin like a path belongs to the
 * one before it. It has expanded them, some versions all but the tilde; to expand them again would be wrong.
 */
function pathsIn(line: string, { home }: Meanings): readonly string[] {
  if (line === "none" || line === "") return [];
  return line.split(/ (?=\/|~\/)/).map((path) => absolute("/", path.replace(/^~(?=\/)/, home)));
}

/**
 * A relative path is one below `base`: the root, as for a process in the background, and never the directory that a mail
 * client happens to be started in.
 */
function expandAll(paths: readonly string[], meanings: Meanings, base = "/"): readonly string[] {
  const meant = paths.filter((path) => path.toLowerCase() !== "none");
  for (const path of meant) requireOnePath(path, meanings);
  return [...new Set(meant.map((path) => absolute(base, expandPath(path, meanings))))];
}

/** One that means nothing is left aside: a key that is not there can be done without, as one whose file is missing. */
function expandUsable(
  keyword: string,
  paths: readonly string[],
  meanings: Meanings,
  passOver: PassOver,
): readonly string[] {
  const found = paths.flatMap((path) => {
    try {
      return expandAll([path], meanings);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      passOver(keyword, error.what);
      return [];
    }
  });
  return [...new Set(found)];
}

/** CertificateFile, which `ssh -G` prints as it was written. */
export function certificateFiles(
  config: Answers,
  meanings: Meanings,
  passOver: PassOver,
): Settled<readonly string[]> {
  const { value, from } = config.all("certificatefile", []);
  return { value: expandUsable("CertificateFile", value, meanings, passOver), from };
}

/** The agent's socket. IdentityAgent is a path, expanded by `ssh -G`; "none"; or the variable that has it. */
export function agentSocket(
  config: Answers,
  meanings: Meanings,
  passOver: PassOver,
): Settled<string | undefined> {
  const { value, from } = config.one("identityagent", "SSH_AUTH_SOCK");
  if (value === "none") return { value: undefined, from };
  const variable = agentVariable(value);
  if (variable === undefined) requireOnePath(value, meanings);
  const path = variable === undefined ? value : (meanings.local.env[variable] ?? "");
  // Whoever plants a socket in the directory that a mail client is started in is no agent.
  if (path !== "" && !isAbsolute(path)) passOver(variable ?? "IdentityAgent", `"${path}" is a relative path`);
  return { value: isAbsolute(path) ? path : undefined, from };
}

/** The variable that the agent's socket was read from; undefined where ssh_config gives its path. */
export function agentOrigin(config: Answers, { local }: Meanings): Settled<AgentVariable | undefined> {
  const { value, from } = config.one("identityagent", "SSH_AUTH_SOCK");
  const name = agentVariable(value);
  if (name === undefined) return { value: undefined, from };
  const { TMUX, STY } = local.env;
  return { value: { name, keptBy: TMUX ? "tmux" : STY ? "screen" : undefined }, from };
}

function agentVariable(value: string): string | undefined {
  if (value === "SSH_AUTH_SOCK") return value;
  return value.startsWith("$") ? value.slice(1) : undefined;
}
