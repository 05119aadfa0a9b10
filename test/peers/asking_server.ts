import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import ssh2, { type AuthContext, type Connection } from "ssh2";
import { makeKey } from "./keys.ts";
import { makeTemporary, removeTemporary } from "./temporary.ts";

/** An SSH server whose logins the test decides about. */
export interface AskingServer extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** A private key, which the server knows nothing of. */
  readonly identity: string;
  readonly knownHosts: string;
  /** The methods that were tried, in order. */
  readonly tried: readonly string[];
  /** Connections that are open now. */
  readonly open: number;
  /** Ends every connection, as sshd does after LoginGraceTime. */
  drop(): void;
}

/** Starts one; `decide` is given each attempt. */
export async function startAskingServer(decide: (attempt: AuthContext) => void): Promise<AskingServer> {
  const folder = makeTemporary();
  const hostKey = makeKey(join(folder, "host"), "ecdsa");
  const identity = makeKey(join(folder, "id")).path;
  const tried: string[] = [];
  const clients = new Set<Connection>();
  const server = new ssh2.Server({ hostKeys: [readFileSync(hostKey.path)] }, (client) => {
    clients.add(client);
    client.on("error", () => {});
    client.on("close", () => clients.delete(client));
    client.on("authentication", (attempt) => {
      tried.push(attempt.method);
      decide(attempt);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { readonly port: number };
  const knownHosts = join(folder, "known_hosts");
  writeFileSync(knownHosts, `[127.0.0.1]:${port} ${hostKey.line}\n`);
  return {
    ...{ host: "127.0.0.1", port, user: "jane", identity, knownHosts, tried },
    get open() {
      return clients.size;
    },
    drop: () => {
      for (const client of clients) client.end();
    },
    [Symbol.asyncDispose]: async () => {
      for (const client of clients) client.end();
      server.close();
      await once(server, "close");
      removeTemporary(folder);
    },
  };
}
