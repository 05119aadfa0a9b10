import type { Proxy as Network } from "../../peers/proxy.ts";
import { standingStill } from "./stream.ts";

/** At most so many turns: a window that grows needs a dozen. */
const TURNS = 60;

/**
 * A network whose round trips are longer than all else, however slow the machine: it passes nothing on until
 * neither side has more to send, then all at once. Gives how much the server has sent in each such turn, in bytes.
 */
export async function* flights(network: Network): AsyncGenerator<number> {
  try {
    for (let turn = 0; turn < TURNS; turn++) {
      const before = network.down;
      network.thaw();
      network.freeze();
      await standingStill(() => network.down + network.up);
      yield network.down - before;
    }
  } finally {
    network.thaw();
  }
}

/**
 * The largest of the flights, or the first that has so many bytes. What makes the server send is to be written after
 * freeze(): the other end would learn a shorter round trip otherwise.
 */
export async function largestFlight(network: Network, enough: number): Promise<number> {
  let largest = 0;
  for await (const flight of flights(network)) {
    largest = Math.max(largest, flight);
    if (largest >= enough) break;
  }
  return largest;
}
