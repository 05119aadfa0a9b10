import { accessSync, constants, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { decide } from "../table/decide.ts";
import type { Decision } from "../table/decision.ts";
import type { Table } from "../table/table.ts";
import type { World } from "../world.ts";
import { obstaclesIn, openTimeout, type Pinerc, parsePinerc } from "./pinerc.ts";

/**
 * What ~/.pinerc has to do with a server, in lines: how a call that had its greeting after `greeted` milliseconds
 * compares with Alpine's timeout, and what would keep Alpine from making the call at all.
 */
export async function pinercReport(
  world: World,
  table: Table,
  decision: Decision,
  greeted: number | undefined,
): Promise<readonly string[]> {
  const pinerc = readPinerc(join(world.home, ".pinerc"));
  const lines = ["", comparison(greeted, openTimeout(pinerc))];
  if (pinerc === undefined) return [...lines, "there is no ~/.pinerc to look at"];
  const obstacles = obstaclesIn(pinerc, {
    isServer: await sameHost(table, decision, pinerc),
    isExecutable,
    deadline: decision.deadline.value,
  });
  if (obstacles.length === 0) return [...lines, "~/.pinerc: nothing there keeps Alpine from calling"];
  return [
    ...lines,
    ...obstacles.map(({ line, what }) => `~/.pinerc${line === undefined ? "" : `:${line}`}: ${what}`),
  ];
}

function comparison(greeted: number | undefined, timeout: number): string {
  if (timeout === 0) return "Alpine does not call: rsh-open-timeout=0";
  if (greeted === undefined) return `no greeting; Alpine waits ${timeout} s for one`;
  const seconds = (greeted / 1000).toFixed(2);
  const verdict = greeted < timeout * 1000 ? "in time" : "too late";
  return `greeting after ${seconds} s, ${verdict} for Alpine, which waits ${timeout} s`;
}

function readPinerc(file: string): Pinerc | undefined {
  try {
    return parsePinerc(readFileSync(file, "utf8"));
  } catch {
    return undefined;
  }
}

/** The hosts of the file's mailboxes that the same [[host]] of the table serves. */
async function sameHost(
  table: Table,
  decision: Decision,
  pinerc: Pinerc,
): Promise<(host: string) => boolean> {
  const same = new Set<string>();
  for (const { host } of pinerc.mailboxes) {
    const other = await decide(table, { server: host, method: decision.method });
    if (other?.host === decision.host) same.add(host);
  }
  return (host) => same.has(host);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
