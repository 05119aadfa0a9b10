import type { Client } from "ssh2";
import { directionsOf, type Protocol } from "../ssh2/patched.ts";

/** What a server may grant beside a command: RFC 4254 sections 6.2, 6.3 and 7.1, and PROTOCOL of OpenSSH. */
export type Privilege = "terminal" | "X11 forwarding" | "agent forwarding" | "listening";

/** Where it would listen: at a port of its own choice. */
const LOOPBACK = "127.0.0.1";

/** Asks for a privilege, and gives it back at once. Whether the server has granted it. Rejects where nothing can be asked. */
export function isGranted(client: Client, privilege: Privilege): Promise<boolean> {
  return privilege === "listening" ? mayListen(client) : inSession(client, REQUESTS[privilege]);
}

type Request = (protocol: Protocol, channel: number) => void;

const REQUESTS: Readonly<Record<Exclude<Privilege, "listening">, Request>> = {
  terminal: (protocol, channel) => protocol.pty(channel, 24, 80, 0, 0, "vt100"),
  "X11 forwarding": (protocol, channel) => {
    // The cookie is of no display.
    const display = { single: false, protocol: "MIT-MAGIC-COOKIE-1", cookie: "0".repeat(32), screen: 0 };
    protocol.x11Forward(channel, display, true);
  },
  "agent forwarding": (protocol, channel) => protocol.openssh_agentForward(channel, true),
};

/** In a session of its own, which is closed before anything runs in it. */
function inSession(client: Client, request: Request): Promise<boolean> {
  return new Promise((resolve, reject) => {
    client.session((error, channel) => {
      if (error !== undefined) return void reject(error);
      channel.on("error", () => {});
      channel.once("close", () => resolve(false));
      channel._callbacks.push((hasFailed) => {
        resolve(!hasFailed);
        channel.close();
        // Its 'close' does not come before both outputs have been read.
        channel.resume();
        channel.stderr.resume();
      });
      request(client._protocol, directionsOf(channel).outgoing.id);
    });
  });
}

function mayListen(client: Client): Promise<boolean> {
  return new Promise((resolve) => {
    client.forwardIn(LOOPBACK, 0, (error, port) => {
      if (error !== undefined) resolve(false);
      else client.unforwardIn(LOOPBACK, port, () => resolve(true));
    });
  });
}
