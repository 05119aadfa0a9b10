import { spawnSync } from "node:child_process";
import { findProgram, program } from "./programs.ts";

/** Words in front of a program that is to have a network of its own, with a loopback and nothing else. */
export const NETWORK_APART: readonly string[] = [
  ...["unshare", "--net", "sh", "-c"],
  'ip link set lo up && exec "$@"',
  "sh",
];

/** Words in front of a program that is to run in the network of a process. */
export function inNetworkOf(pid: number): readonly string[] {
  return [program("nsenter"), `--net=/proc/${pid}/ns/net`];
}

/** For the `skip` of a test with such a network. */
export function skipWithoutNetworks(): string | false {
  const [first = "", ...words] = [...NETWORK_APART, "true"];
  const isThere =
    findProgram("nsenter") !== undefined && spawnSync(first, words, { stdio: "ignore" }).status === 0;
  return isThere ? false : "no network of its own can be made here";
}
