/*
 * The process of the delaying proxy, so that its work does not hold up the clock of the measurement. Its argument is
 * a list of lines in JSON; it tells the port of each, in order, and ends with its parent.
 */
import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { delayLine } from "./delay_line.ts";
import type { Line } from "./network.ts";

async function open({ port, roundTrip }: Line): Promise<number> {
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const target = connect({ host: "127.0.0.1", port, allowHalfOpen: true, noDelay: true });
    delayLine(client, target, roundTrip / 2);
    delayLine(target, client, roundTrip / 2);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

process.on("disconnect", () => process.exit());
// Ctrl-C is the parent's to answer.
process.on("SIGINT", () => {});
const lines: readonly Line[] = JSON.parse(process.argv[2] ?? "[]");
process.send?.(await Promise.all(lines.map(open)));
