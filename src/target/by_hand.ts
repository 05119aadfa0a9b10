import { quoted } from "../shell_word.ts";
import type { Decision } from "../table/decision.ts";
import { configFile, destinationOf } from "./ask_ssh.ts";
import type { Jump } from "./jump.ts";

/**
 * The words behind `ssh` with which a person gets by hand where a decision leads: its destination (a SERVER may resolve
 * nowhere) with the options that stand for the table's keys.
 */
export function byHand(decision: Decision, home: string): readonly string[] {
  const { user, port, identity } = decision;
  const destination = destinationOf(decision);
  return [
    ...fileWords(configFile(decision, home)),
    ...(port === undefined ? [] : ["-p", String(port.value)]),
    ...(identity?.value ?? []).flatMap((path) => ["-i", path.replace(/^~(?=\/)/, () => home)]),
    user === undefined ? destination : `${user.value}@${destination}`,
  ];
}

/** The same for a host on the way, which is reached through the others. */
export function jumpByHand(
  jump: Jump,
  before: readonly Jump[],
  sshConfig: string | undefined,
): readonly string[] {
  const { user, host, port } = jump;
  const through = before.map((one) => {
    const name = one.host.includes(":") ? `[${one.host}]` : one.host;
    return `${one.user === undefined ? "" : `${one.user}@`}${name}${one.port === undefined ? "" : `:${one.port}`}`;
  });
  return [
    ...fileWords(sshConfig),
    ...(through.length === 0 ? [] : ["-J", through.join(",")]),
    ...(port === undefined ? [] : ["-p", port]),
    user === undefined ? host : `${user}@${host}`,
  ];
}

function fileWords(file: string | undefined): readonly string[] {
  return file === undefined ? [] : ["-F", file];
}

/** A line to type into a shell. */
export function typed(...words: readonly string[]): string {
  return words.map(quoted).join(" ");
}
