import type { ConnectionStatus } from "../control/protocol.ts";
import { requestStatus } from "../control/request.ts";
import { print } from "../report/results.ts";
import { decide } from "../table/decide.ts";
import { matches } from "../table/match.ts";
import { filesOf, readText, tablePath } from "../table/read.ts";
import { parseTable } from "../table/schema.ts";
import type { Host, Table } from "../table/table.ts";
import type { World } from "../world.ts";
import { rowsUnder } from "./columns.ts";
import { exampleOf } from "./glob_reach.ts";
import { originsIn } from "./where.ts";

const COLUMNS = ["MATCH", "LEADS TO", "FORWARDS", "HELD", "AT"];

/** `--hosts`: lists the table, a line for each [[host]] in their order. Connects to nothing but the process in the background. */
export async function hosts(world: World): Promise<number> {
  const file = tablePath(world.env, world.home);
  const text = readText(file, world.uid);
  const table = await parseTable(text, file, filesOf(world.home));
  if (table.hosts.length === 0) {
    print(world, [`${file} has no [[host]]: every mail program connects directly`]);
    return 0;
  }
  // One that does not answer keeps nothing from being listed.
  const held = (await requestStatus(world).catch(() => [])).flatMap(({ connections }) => connections);
  const place = originsIn(file, text);
  const rows = await Promise.all(
    table.hosts.map(async (host, index) => [
      host.match.join(" "),
      leadsTo(host, table),
      (await carried(host, table)).join(" ") || "-",
      await heldFor(held, index, table),
      place({ kind: "table", path: ["host", index] }),
    ]),
  );
  print(world, rowsUnder(COLUMNS, rows, world.columns(1)));
  return 0;
}

/** What a person would type behind ssh: "jane@imap.example.org:2222". */
function leadsTo(host: Host, { defaults }: Table): string {
  const { server = "itself", user, port } = { ...defaults, ...host };
  return `${user === undefined ? "" : `${user}@`}${server}${port === undefined ? "" : `:${port}`}`;
}

/** The names of the forwards that a SERVER of the host carries. */
async function carried({ match }: Host, { forwards }: Table): Promise<readonly string[]> {
  const names = match.filter((glob) => !glob.startsWith("!")).map(exampleOf);
  const found: string[] = [];
  for (const { name, via } of forwards) {
    const isIts = await Promise.all(names.map(async (one) => via === undefined || (await matches(via, one))));
    if (isIts.includes(true)) found.push(name);
  }
  return found;
}

/** What is held for the host now. */
async function heldFor(
  connections: readonly ConnectionStatus[],
  index: number,
  table: Table,
): Promise<string> {
  const its: ConnectionStatus[] = [];
  for (const one of connections) {
    if ((await decide(table, { server: one.server, method: "imap" }))?.host === index) its.push(one);
  }
  if (its.length === 0) return "-";
  const open = its.reduce((sum, { sessions }) => sum + sessions, 0);
  return open === 0 ? "idle" : `${open} open`;
}
