import { createServer, type Server } from "node:net";
import { claim, release } from "../../../src/control/generations.ts";

/*
 * A process that claims when it is told to, for generations.test.ts. It is sent {claim: DIRECTORY} and answers with
 * what came of it; {end: true} ends a master cleanly, {die: true} as a crash does: its name stays.
 */

export type Order = { readonly claim: string } | { readonly end: true } | { readonly die: true };

export interface Outcome {
  /** The path of a master's socket; empty when there was one. */
  readonly path: string;
}

const PREFIX = "m";

let held: { readonly server: Server; give: () => void } | undefined;

async function obey(order: Order): Promise<Outcome> {
  if ("claim" in order) {
    const server = createServer((socket) => socket.on("error", () => {}).end(`${process.pid}\n`));
    const claimed = await claim({ directory: order.claim, prefix: PREFIX }, server, String(process.pid));
    if (claimed.kind === "taken") server.close();
    else held = { server, give: () => release(claimed.generation) };
    return { path: claimed.kind === "taken" ? "" : claimed.generation.path };
  }
  if ("end" in order) held?.give();
  held?.server.close();
  held = undefined;
  return { path: "" };
}

process.on("message", (order: Order) => void obey(order).then((outcome) => process.send?.(outcome)));
