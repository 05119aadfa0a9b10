import { typed } from "../../target/by_hand.ts";
import type { Target } from "../../target/target.ts";
import type { Session } from "../ssh2/patched.ts";
import { namesOf } from "../trust/host_key.ts";
import { isNamed, type KnownHost } from "../trust/known_hosts.ts";
import { sshAdd } from "./agent_hints.ts";

/** A session, and the line of known_hosts that vouches for its server; undefined where somebody has just accepted the key. */
export interface Recognised extends Session {
  readonly voucher: KnownHost | undefined;
}

/**
 * The line for a shell that has an agent use a key for this host, once KEYFILE is replaced. `name` is undefined where
 * ssh-add cannot name the host, and the key is added for all of them.
 */
export interface AddingLine {
  readonly line: string;
  readonly name: string | undefined;
}

/**
 * ssh-add(1) looks `-h NAME` up in its known_hosts. The agent then wants the same host key, or a certificate of the same
 * authority that has NAME among its principals, which have no port (ssh-agent.c, match_key_hop()).
 */
export function addingLine(target: Target, voucher: KnownHost | undefined): AddingLine {
  const { value: files, from } = target.knownHosts;
  const names = namesOf(target);
  const usable = voucher?.marker === "cert-authority" ? names.slice(-1) : names;
  const isInFile = voucher !== undefined && files.includes(voucher.file);
  const name = isInFile ? usable.find((one) => isNamed(voucher.names, one)) : undefined;
  const add = sshAdd({ path: target.agent.value, variable: target.agentVariable.value });
  if (name === undefined || !isInFile) return { line: `${add} KEYFILE`, name: undefined };
  const where = from.kind === "default" ? [] : ["-H", voucher.file];
  return { line: `${add} ${typed(...where, "-h", name, "KEYFILE")}`, name };
}
