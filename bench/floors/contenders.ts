import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Home, makeHome } from "../../test/peers/home.ts";
import { poll } from "../../test/peers/waiting.ts";
import { build } from "../build.ts";
import { ended } from "../child.ts";
import type { Cleanup } from "../cleanup.ts";
import type { Contender } from "../contender.ts";
import type { ServerName, Servers } from "../servers.ts";

/** What a login of its own costs a program that does nothing else, built as preauth is. */
export const LEAST_LOGIN = "ssh2 alone";

/** The same for a call that another process has a connection for. */
export const LEAST_CALL = "ssh2 alone, shared";

/** Builds both. Each is there at the nearest round-trip time; the second with the system's server, and its master runs. */
export async function leastPrograms(servers: Servers, cleanup: Cleanup) {
  const home = cleanup.use(makeHome());
  const [login, master, call] = ["login", "master", "call"].map((name) => built(home, name));
  const socket = join(home.path, "socket");
  const running = spawn(master ?? "", [...wordsFor(servers, "system"), socket], { stdio: "ignore" });
  cleanup.add(async () => {
    running.kill();
    await ended(running);
  });
  await poll(() => existsSync(socket), "the least master");
  const contender = (name: string, words: (server: ServerName) => readonly string[]): Contender => ({
    name,
    start: (server) => ({ argv: words(server), env: home.env }),
  });
  return {
    login: contender(LEAST_LOGIN, (server) => [login ?? "", ...wordsFor(servers, server)]),
    call: contender(LEAST_CALL, () => [call ?? "", socket]),
  };
}

function built(home: Home, name: string): string {
  return build(fileURLToPath(new URL(`${name}.ts`, import.meta.url)), join(home.path, name));
}

function wordsFor({ all, commands, roundTrips }: Servers, name: ServerName): readonly string[] {
  const server = all.find((one) => one.name === name);
  if (server === undefined) throw new Error(`there is no ${name} server`);
  const { host, port, user, identity, hostKey } = server;
  return [host, String(port(roundTrips[0] ?? 0)), user, identity, hostKey.split(" ")[1] ?? "", commands.imap];
}
