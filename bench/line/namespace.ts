import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { findProgram, program } from "../../test/peers/programs.ts";
import { within } from "../../test/peers/waiting.ts";
import { ended } from "../child.ts";
import type { Cleanup } from "../cleanup.ts";
import type { Shape } from "./shapes.ts";

/** One of the two ends of the line. RFC 2544 has these addresses for benchmarks. */
interface End {
  /** The network device that programs see, and its address. */
  readonly device: string;
  readonly address: string;
  /** The same of what it goes over. */
  readonly below: string;
  readonly addressBelow: string;
  /** UDP ports: of the device, and of the relay before it. */
  readonly port: number;
  readonly relay: number;
}

const CLIENT: End = {
  ...{ device: "line", address: "198.18.0.1", below: "wire", addressBelow: "198.19.0.1" },
  ...{ port: 4001, relay: 5001 },
};
const SERVER: End = {
  ...{ device: "line", address: "198.18.0.2", below: "wire", addressBelow: "198.19.0.2" },
  ...{ port: 4002, relay: 5002 },
};

/** What fits into a datagram on Ethernet beside the tunnel's own (RFC 7348 section 5). */
const MTU = 1450;

const PROGRAMS = ["ip", "bridge", "ethtool", "unshare", "nsenter"];

/** A server at the other end of a line, in a network namespace of its own. */
export interface Line {
  /** Address of the server. */
  readonly host: string;
  /** Words in front of a program that has it run there. */
  readonly under: readonly string[];
  /** Makes the line another one, for all connections. */
  become(shape: Shape): Promise<void>;
}

/** Why there can be none here; undefined where there can. */
export function obstacle(): string | undefined {
  if (process.getuid?.() !== 0) return "network namespaces take root's rights";
  const missing = PROGRAMS.find((name) => findProgram(name) === undefined);
  return missing === undefined ? undefined : `${missing} is missing`;
}

/**
 * Makes a line. This process must have a network namespace to itself (`unshare -n`), with which all of it goes. Between the
 * two namespaces is a tunnel (VXLAN, RFC 7348), whose datagrams a relay passes on as a slow line with a router would.
 */
export async function openLine(cleanup: Cleanup): Promise<Line> {
  const near = await startRelay([], CLIENT, cleanup);
  const far = await startRelay([program("unshare"), "-n"], SERVER, cleanup);
  const under = [program("nsenter"), `--net=/proc/${far.pid}/ns/net`];
  ip([], "link", "add", CLIENT.below, "type", "veth", "peer", "name", SERVER.below, "netns", String(far.pid));
  for (const [where, end, other] of [
    [[], CLIENT, SERVER],
    [under, SERVER, CLIENT],
  ] as const) {
    bringUp(where, end, other);
  }
  return {
    host: SERVER.address,
    under,
    become: async (shape) => {
      for (const relay of [near, far]) {
        relay.send(shape);
        await within(once(relay, "message"), "the relay");
      }
    },
  };
}

function bringUp(where: readonly string[], end: End, other: End): void {
  const { device, below } = end;
  // The one that every kernel has; as most do, it fills a queue until a packet is lost. A new namespace has the system's.
  run([...where, program("sh"), "-c", "echo reno >/proc/sys/net/ipv4/tcp_congestion_control"]);
  ip(where, "link", "set", "lo", "up");
  ip(where, "address", "add", `${end.addressBelow}/24`, "dev", below);
  ip(where, "link", "set", below, "up");
  const tunnel = ["type", "vxlan", "id", "1", "dstport", String(end.port), "nolearning"];
  ip(where, "link", "add", device, "mtu", String(MTU), ...tunnel);
  const everybody = [
    "00:00:00:00:00:00",
    "dev",
    device,
    "dst",
    other.addressBelow,
    "port",
    String(other.relay),
  ];
  run([...where, program("bridge"), "fdb", "append", ...everybody]);
  ip(where, "address", "add", `${end.address}/24`, "dev", device);
  // Else a large piece of TCP's would be one datagram.
  ip(where, "link", "set", "dev", device, "gso_max_segs", "1");
  // A relay would read packets whose sums are still to be made.
  run([...where, program("ethtool"), "-K", device, "tx", "off"]);
  ip(where, "link", "set", device, "up");
}

async function startRelay(
  under: readonly string[],
  { relay, port }: End,
  cleanup: Cleanup,
): Promise<ChildProcess> {
  const file = fileURLToPath(new URL("relay.ts", import.meta.url));
  const [first = "", ...words] = [
    ...under,
    process.execPath,
    "--import",
    "tsx",
    file,
    String(relay),
    String(port),
  ];
  const child = spawn(first, words, {
    cwd: fileURLToPath(new URL("../..", import.meta.url)),
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  cleanup.add(async () => {
    child.disconnect();
    await ended(child);
  });
  await within(once(child, "message"), "the relay");
  return child;
}

function ip(where: readonly string[], ...words: readonly string[]): void {
  run([...where, program("ip"), ...words]);
}

function run([file = "", ...words]: readonly string[]): void {
  execFileSync(file, words, { stdio: ["ignore", "ignore", "pipe"] });
}
