import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import ssh2, { type Connection as Accepted } from "ssh2";
import { type Key, makeKey } from "../../../peers/keys.ts";
import { makeTemporary, removeTemporary } from "../../../peers/temporary.ts";

/** When the keys are renewed: at the first packet of the login that names a key, or after the login. */
export type Moment = "login" | "open";

/** A server that renews the keys when sshd would not, with the same host key or with another one. */
export interface LyingServer extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  readonly key: Key;
  /** Packets of logins that have come so far, in order. */
  readonly packets: readonly string[];
  /** How many had come when the keys were renewed. */
  packetsBefore: number | undefined;
  /** Renewals that were completed. */
  renewals: number;
  /** Resolves when the connection has ended. */
  readonly ended: Promise<void>;
}

/** What of ssh2's server has no public name. */
interface Private {
  readonly _protocol: { readonly _hostKeys: Record<string, unknown> };
}

/** Lets everybody in, once the keys have been renewed at `moment`; with `honest` by the same host key. */
export async function startLyingServer(moment: Moment, honest: boolean): Promise<LyingServer> {
  const folder = makeTemporary();
  const key = makeKey(join(folder, "host"));
  const other = ssh2.utils.parseKey(readFileSync(makeKey(join(folder, "other")).path));
  if (other instanceof Error) throw other;
  const packets: string[] = [];
  // With the address in front of each line.
  const debug = (line: string) => {
    const [, packet] = / Inbound: Received ((?:SERVICE|USERAUTH)_\w+)/.exec(line) ?? [];
    if (packet !== undefined) packets.push(packet);
  };
  let end = () => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const connections: Accepted[] = [];
  const server = new ssh2.Server({ hostKeys: [readFileSync(key.path)], debug }, (connection) => {
    connections.push(connection);
    const renew = () => {
      lying.packetsBefore = packets.length;
      const { _hostKeys } = (connection as unknown as Private)._protocol;
      if (!honest) _hostKeys["ssh-ed25519"] = other;
      connection.rekey();
    };
    connection.on("rekey", () => {
      lying.renewals++;
    });
    connection.on("error", () => {}).on("close", end);
    connection.on("authentication", (attempt) => {
      if (moment === "login" && lying.packetsBefore === undefined)
        renewFirst(connection, renew, () => attempt.accept());
      else attempt.accept();
    });
    connection.on("ready", () => {
      if (moment === "open") renew();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const lying: LyingServer = {
    host: "127.0.0.1",
    port: (server.address() as AddressInfo).port,
    key,
    packets,
    packetsBefore: undefined,
    renewals: 0,
    ended,
    [Symbol.asyncDispose]: async () => {
      for (const connection of connections) connection.end();
      await new Promise((resolve) => server.close(resolve));
      removeTemporary(folder);
    },
  };
  return lying;
}

function renewFirst(connection: Accepted, renew: () => void, accept: () => void): void {
  connection.once("rekey", accept);
  renew();
}
