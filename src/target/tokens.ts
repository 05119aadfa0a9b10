import { createHash } from "node:crypto";
import { isIPv6 } from "node:net";
import { hostname } from "node:os";
import { Failure } from "../failure.ts";
import type { Account } from "./passwd.ts";

/** Who and where the call comes from. */
export interface Local {
  /** The caller's own, which may have no entry in the password file. */
  readonly uid: number;
  /** The password file's entry: what ~ means in ssh_config, whatever $HOME says. */
  readonly account: Account;
  /** $HOME: what ~ means in the table. */
  readonly home: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Homes of other users, by their names: those that paths of ssh_config and the table begin with. */
  readonly homes: ReadonlyMap<string, string>;
}

/** Letter to value, for the TOKENS of ssh_config(5). */
export type Tokens = Readonly<Record<string, string>>;

/** What tokens are made of. */
export interface TokenValues {
  readonly uid: number;
  readonly account: Account;
  /** The destination as it was given: %n. */
  readonly original: string;
  /** The name or address connected to: %h. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** HostKeyAlias, where there is one. */
  readonly alias: string | undefined;
  /** The last jump host, or nothing. */
  readonly jump: string;
}

/** Every token that IdentityFile, UserKnownHostsFile and ProxyCommand take. */
export function tokensOf({ uid, account, original, host, port, user, alias, jump }: TokenValues): Tokens {
  const here = hostname();
  const connection = [here, host, String(port), user, jump].join("");
  return {
    "%": "%",
    C: createHash("sha1").update(connection).digest("hex"),
    d: account.home,
    h: host,
    i: String(uid),
    j: jump,
    k: alias ?? original,
    L: here.replace(/\..*$/, ""),
    l: here,
    n: original,
    p: String(port),
    r: user,
    u: account.user,
  };
}

/** Replaces %x by its token. Throws a Failure of `subject` for a token that does not exist. */
export function expandTokens(text: string, tokens: Tokens, subject: string): string {
  return text.replace(/%.?/gs, (token) => tokenValue(token, text, tokens, subject));
}

/** Tokens that a mail client has a say in: a mailbox name holds a host and a user. */
const CALLERS = ["h", "n", "r", "k"];

/**
 * The command with its tokens. They end up in a shell's line, so what came with the call must not mean
 * anything to a shell, nor part what it stands in: programs have lists of hosts with commas, and host:port. Throws a
 * Failure when it could.
 */
export function expandForShell(command: string, tokens: Tokens, server: string): string {
  for (const letter of CALLERS) {
    const value = tokens[letter] ?? "";
    if (!command.includes(`%${letter}`) || (letter === "r" ? isPlainUser : isPlainHost)(value)) continue;
    throw new Failure("table", server, `"${value}" cannot stand in a ProxyCommand`);
  }
  return expandTokens(command, tokens, server);
}

/** Users of a domain are called `jane@corp.com`. */
function isPlainUser(value: string): boolean {
  return /^[\w.@%+=-]*$/.test(value);
}

function isPlainHost(value: string): boolean {
  return /^[\w.%+=-]*$/.test(value) || isIPv6(value);
}

/**
 * Throws a Failure when a token that a mail client has a say in would lead a path elsewhere: into another directory, or
 * to several files in a list of them. `path` has it as %x, or expanded by ssh(1).
 */
export function requireOnePath(
  path: string,
  { tokens, subject }: Pick<Meanings, "tokens" | "subject">,
): void {
  for (const letter of CALLERS) {
    const value = tokens[letter] ?? "";
    if (!/[/\s]|^\.\.?$/.test(value)) continue;
    const isThere = /^\.\.?$/.test(value) ? path.split(/[/ ]/).includes(value) : path.includes(value);
    if (!isThere && !path.includes(`%${letter}`)) continue;
    throw new Failure("table", subject, `"${value}" cannot stand in the path "${path}"`);
  }
}

function tokenValue(token: string, text: string, tokens: Tokens, subject: string): string {
  const letter = token.slice(1);
  const value = Object.hasOwn(tokens, letter) ? tokens[letter] : undefined;
  if (value !== undefined) return value;
  throw new Failure("table", subject, `unknown token "${token}", as in "${text}"`);
}

function homeOf(user: string, { account, homes }: Local): string | undefined {
  return user === account.user ? account.home : homes.get(user);
}

/** What the parts of a path that are not to be taken literally stand for. */
export interface Meanings {
  /** What ~ means. */
  readonly home: string;
  readonly local: Local;
  readonly tokens: Tokens;
  /** For messages. */
  readonly subject: string;
}

/**
 * The file that a path of ssh_config means: ~ and ~user first, then tokens and ${NAME} in one pass, so that
 * nothing is expanded twice (misc.c). Throws a Failure where ssh(1) would give up.
 */
export function expandPath(path: string, { home, local, tokens, subject }: Meanings): string {
  const [, user, rest = ""] = /^~([^/]*)(.*)$/s.exec(path) ?? [];
  const folder = user === "" || user === undefined ? home : homeOf(user, local);
  if (folder === undefined) throw new Failure("table", subject, `unknown user "${user}", as in "${path}"`);
  return expandWord(user === undefined ? path : `${folder}${rest}`, { local, tokens, subject });
}

/** Tokens and ${NAME} in a word. Throws a Failure where ssh(1) would give up. */
export function expandWord(
  word: string,
  { local, tokens, subject }: Pick<Meanings, "local" | "tokens" | "subject">,
): string {
  return word.replace(/%.?|\$\{[^}]*\}?/gs, (part) => {
    if (part.startsWith("%")) return tokenValue(part, word, tokens, subject);
    const value = part.endsWith("}") ? local.env[part.slice(2, -1)] : undefined;
    if (value !== undefined) return value;
    throw new Failure("table", subject, `"${part}" in "${word}" is not set`);
  });
}
