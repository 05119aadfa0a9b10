import type { Server } from "node:net";
import { type Accept, bind, errorCode, type Listening } from "./bind.ts";
import type { Loopback } from "./owner.ts";
import { type Occupant, occupantOf, type ProbeOptions } from "./probe.ts";

/** What became of the second loopback. */
export type SecondLoopback =
  | { readonly kind: "held" }
  /** The machine has no ::1. */
  | { readonly kind: "absent" }
  /** Clients that go to ::1 reach somebody else. */
  | { readonly kind: "taken"; readonly by: Occupant }
  | { readonly kind: "failed"; readonly why: string };

/** What came of listening on a port. */
export type PortOutcome =
  | { readonly kind: "held"; readonly listening: Listening; readonly second: SecondLoopback }
  | { readonly kind: "taken"; readonly by: Occupant }
  | { readonly kind: "no-right" }
  | { readonly kind: "failed"; readonly why: string };

type Bound = { readonly server: Server } | Exclude<PortOutcome, { readonly kind: "held" }>;

/** Nobody may be seen where a place is taken, because they are about to listen or have just gone. */
const TRIES = 3;

/**
 * Listens on both loopbacks. 127.0.0.1 comes first, and only who has won it asks for ::1: of many processes at once
 * exactly one holds the port. Never throws for what the system refuses.
 */
export async function listenOnPort(
  port: number,
  options: ProbeOptions,
  accept: Accept,
): Promise<PortOutcome> {
  const first = await take("127.0.0.1", port, options, accept);
  if (!("server" in first)) return first;
  const second = await take("::1", port, options, accept).catch((error) => {
    first.server.close();
    throw error;
  });
  const servers = "server" in second ? [second.server, first.server] : [first.server];
  // ::1 is given up first: whoever wins 127.0.0.1 in between finds it free.
  const listening = { close: () => servers.forEach(stop) };
  return { kind: "held", listening, second: secondOf(second) };
}

function stop(server: Server): void {
  server.close();
}

function secondOf(bound: Bound): SecondLoopback {
  if ("server" in bound) return { kind: "held" };
  if (bound.kind === "no-right") return { kind: "failed", why: "EACCES" };
  if (bound.kind !== "failed") return bound;
  return ["EADDRNOTAVAIL", "EAFNOSUPPORT"].includes(bound.why) ? { kind: "absent" } : bound;
}

async function take(host: Loopback, port: number, options: ProbeOptions, accept: Accept): Promise<Bound> {
  for (let attempt = 1; ; attempt++) {
    try {
      return { server: await bind({ host, port }, accept) };
    } catch (error) {
      const why = errorCode(error);
      if (why === "EACCES") return { kind: "no-right" };
      if (why !== "EADDRINUSE") return { kind: "failed", why };
    }
    const by = await occupantOf(host, port, options);
    if (by !== undefined) return { kind: "taken", by };
    if (attempt === TRIES) return { kind: "taken", by: { kind: "untold" } };
  }
}
