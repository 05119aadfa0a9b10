import type { ConnectionStatus, ForwardStatus, Status } from "../control/protocol.ts";
import { requestStatus } from "../control/request.ts";
import { jsonText } from "../report/printable.ts";
import { type Line, print, printWhole } from "../report/results.ts";
import type { World } from "../world.ts";
import { barLines, rowsUnder } from "./columns.ts";

/**
 * `--status`: what the process in the background holds, and others that listen elsewhere; with `json` for programs. The
 * exit status is 1 when there is none.
 */
export async function status(world: World, json: boolean): Promise<number> {
  const [first, ...others] = await requestStatus(world);
  const all = first === undefined || others.length === 0 ? (first ?? null) : { ...first, others };
  const columns = world.columns(1);
  if (json) printWhole(world, [jsonText(all)]);
  else if (first === undefined) print(world, ["no connection is open: no process runs in the background"]);
  else print(world, [lines(first, columns), ...others.map((one) => ["", ...lines(one, columns)])].flat());
  return first === undefined ? 1 : 0;
}

function lines(
  { pid, since, socket, connections, forwards }: Status,
  columns: number | undefined,
): readonly Line[] {
  const servers = rowsUnder(SERVER_COLUMNS, connections.map(serverRow), columns);
  const ports = rowsUnder(FORWARD_COLUMNS, forwards.map(forwardRow), columns);
  return [
    `process ${pid}, since ${when(since)}, at ${socket}`,
    ...(connections.length > 0 ? ["", ...servers] : []),
    ...(columns === undefined || connections.length === 0 ? [] : traffic(connections, columns)),
    ...(forwards.length > 0 ? ["", ...ports] : []),
  ];
}

/** On a terminal, the bytes of each connection as bars. */
function traffic(connections: readonly ConnectionStatus[], columns: number): readonly Line[] {
  const bars = connections.flatMap(({ server, bytesReceived, bytesSent }) => [
    { name: `${server} received`, size: bytesReceived, shown: size(bytesReceived) },
    { name: `${server} sent`, size: bytesSent, shown: size(bytesSent) },
  ]);
  const lines = barLines(bars, columns).map((text): Line => ({ text, colour: "cyan" }));
  return lines.length === 0 ? [] : ["", ...lines];
}

const SERVER_COLUMNS = [
  "SERVER",
  "USER",
  "TO",
  "MAILBOXES",
  "SPARE",
  "RECEIVED",
  "SENT",
  "ROUND TRIP",
  "SINCE",
  "UNTIL",
];

function serverRow(it: ConnectionStatus): readonly string[] {
  return [
    it.server,
    it.user,
    it.destination,
    String(it.sessions),
    String(it.spare),
    size(it.bytesReceived),
    size(it.bytesSent),
    it.roundTrip === undefined ? "-" : `${it.roundTrip.toFixed(1)} ms`,
    when(it.since),
    it.until === undefined ? "in use" : it.until === "forever" ? it.until : when(it.until),
  ];
}

const FORWARD_COLUMNS = ["FORWARD", "SERVER", "LISTEN", "TO", "OWNER", "OPEN", "STATE"];

function forwardRow(it: ForwardStatus): readonly string[] {
  return [it.name, it.server, String(it.listen), it.to, ownerText(it.owner), String(it.open), it.state];
}

function ownerText(owner: ForwardStatus["owner"]): string {
  if (owner === undefined) return "-";
  const { program, pid, uid } = owner;
  if (program !== undefined) return `${program} (${pid})`;
  return uid === undefined ? "?" : `uid ${uid}`;
}

/** Local time, as for a person; seconds are enough. */
function when(time: number): string {
  return new Date(time).toLocaleString("sv-SE");
}

function size(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const index = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(bytes, 1)) / 3)));
  const value = bytes / 1000 ** index;
  return `${index === 0 ? value : value.toFixed(1)} ${units[index]}`;
}
