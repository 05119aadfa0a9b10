import { fork } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { fileURLToPath } from "node:url";
import { listen } from "../test/peers/tcp.ts";
import { within } from "../test/peers/waiting.ts";
import type { RoundTrip } from "./results.ts";
import { summarize } from "./statistics.ts";

/** A way to a port on loopback. */
export interface Line {
  readonly port: number;
  /** Milliseconds for a byte there and back. */
  readonly roundTrip: number;
}

/** Ways to ports on loopback that take their time. */
export interface Network extends AsyncDisposable {
  /** The port to connect to instead; throws when it was not asked for at the start. */
  port(line: Line): number;
}

const PROBES = 9;

/** Opens the lines in a process of its own. A round trip of 0 needs none: it is the port itself. */
export async function openNetwork(lines: readonly Line[]): Promise<Network> {
  const slow = lines.filter(({ roundTrip }) => roundTrip > 0);
  const child = fork(fileURLToPath(new URL("delaying.ts", import.meta.url)), [JSON.stringify(slow)], {
    cwd: fileURLToPath(new URL("..", import.meta.url)),
    execArgv: ["--import", "tsx"],
  });
  const [ports] = (await within(once(child, "message"), "the delaying proxy")) as [readonly number[]];
  return {
    port: ({ port, roundTrip }) => {
      if (roundTrip === 0) return port;
      const found = ports[slow.findIndex((line) => line.port === port && line.roundTrip === roundTrip)];
      if (found === undefined) throw new Error(`no line of ${roundTrip} ms to port ${port}`);
      return found;
    },
    [Symbol.asyncDispose]: async () => {
      child.disconnect();
      await once(child, "exit");
    },
  };
}

/** How long a byte takes there and back through lines like these, in truth. */
export async function measureRoundTrips(roundTrips: readonly number[]): Promise<readonly RoundTrip[]> {
  await using echo = await listen((socket) => void socket.pipe(socket));
  const lines = roundTrips.map((roundTrip) => ({ port: echo.port, roundTrip }));
  await using network = await openNetwork(lines);
  const measured: RoundTrip[] = [];
  for (const line of lines) {
    const { median = 0 } = summarize(await probe(network.port(line))) ?? {};
    measured.push({ wanted: line.roundTrip, measured: median });
  }
  return measured;
}

async function probe(port: number): Promise<readonly number[]> {
  const socket = connect({ host: "127.0.0.1", port, noDelay: true });
  const times: number[] = [];
  try {
    await within(once(socket, "connect"), "the echo");
    for (let count = 0; count < PROBES; count++) {
      const start = performance.now();
      socket.write("?");
      await within(once(socket, "data"), "the echo");
      times.push(performance.now() - start);
    }
    return times;
  } finally {
    socket.destroy();
  }
}
