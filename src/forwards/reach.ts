import { connect } from "node:net";
import { onAbort, orAborted } from "../abort.ts";
import type { Endpoint } from "../table/table.ts";
import type { LookUp } from "./carry.ts";
import { firstFound } from "./first_found.ts";

/**
 * Whether a TCP connection to any address of a host succeeds before the signal is aborted; that also ends the attempts
 * which lose the race. Never rejects: a name that is not found is not reached either.
 */
export async function isReachable(
  { host, port }: Endpoint,
  lookUp: LookUp,
  signal: AbortSignal,
): Promise<boolean> {
  const addresses = await orAborted(lookUp(host, signal), signal).catch(() => []);
  if (signal.aborted) return false;
  const found = await firstFound(addresses.map(({ address }) => reach(address, port, signal)));
  return found ?? false;
}

function reach(host: string, port: number, signal: AbortSignal): Promise<true | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const end = (outcome: true | undefined): void => {
      socket.destroy();
      resolve(outcome);
    };
    const stop = onAbort(signal, () => end(undefined));
    socket
      .once("connect", () => end(true))
      .on("error", () => end(undefined))
      .once("close", stop);
  });
}
