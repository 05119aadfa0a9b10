import { readFileSync } from "node:fs";
import { type Client, default as ssh2 } from "ssh2";

/** Where a program logs in: words of its command line. */
export type Words = readonly [
  host: string,
  port: string,
  user: string,
  identity: string,
  hostKey: string,
  command: string,
];

/** ssh2 as it is, with the one key and the one host key (base64) that it is given: calls `use` when it is in. */
export function loggedIn([host, port, user, identity, hostKey]: Words, use: (client: Client) => void): void {
  const client = new ssh2.Client();
  client.on("ready", () => use(client));
  client.connect({
    ...{ host, port: Number(port), username: user },
    privateKey: readFileSync(identity),
    hostVerifier: (key: Buffer) => key.toString("base64") === hostKey,
  });
}
