import { once } from "node:events";
import { readFileSync } from "node:fs";

/**
 * What kept a connection from being made that the runtime calls refused: Bun has ECONNREFUSED for every error of connect(2). Gives
 * the name of an error: ENETUNREACH where there is no way to the address, EHOSTUNREACH where its machine is silent on our own
 * network, or ECONNREFUSED.
 */
export async function errorBehind(address: string, family: 4 | 6): Promise<string> {
  if (!(await hasRoute(address, family))) return "ENETUNREACH";
  return isSilent(address) ? "EHOSTUNREACH" : "ECONNREFUSED";
}

/** A datagram socket that is connected sends nothing, and has an address of ours only where there is a route (udp(7)). */
async function hasRoute(address: string, family: 4 | 6): Promise<boolean> {
  const { createSocket } = await import("node:dgram");
  const socket = createSocket(family === 4 ? "udp4" : "udp6");
  try {
    const connected = once(socket, "connect");
    // Any port but 0.
    socket.connect(9, address);
    await connected;
    return !/^(0\.0\.0\.0|::)$/.test(socket.address().address);
  } catch {
    return false;
  } finally {
    socket.close();
  }
}

/** Whether the kernel has asked for its hardware address in vain (proc(5), /proc/net/arp; IPv4 and Linux alone). */
function isSilent(address: string): boolean {
  try {
    const lines = readFileSync("/proc/net/arp", "latin1").split("\n");
    return lines.some((line) => line.startsWith(`${address} `) && / 0x0 +00:00:00:00:00:00 /.test(line));
  } catch {
    return false;
  }
}
