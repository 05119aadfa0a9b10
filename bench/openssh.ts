import { spawn, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { makeHome } from "../test/peers/home.ts";
import { findProgram, program } from "../test/peers/programs.ts";
import { poll } from "../test/peers/waiting.ts";
import { spawned } from "./child.ts";
import type { Cleanup } from "./cleanup.ts";
import type { Contender } from "./contender.ts";
import type { Server, ServerName, Servers } from "./servers.ts";

/** Where set-up unpacks a later ssh than the system's. */
const UNPACKED = fileURLToPath(new URL("../test/.cache/openssh/usr/bin/ssh", import.meta.url));

/** The ssh of OpenSSH 9.9 or later, if there is one. */
export function recentSsh(): string | undefined {
  return [findProgram("ssh"), UNPACKED].find((path) => path !== undefined && isRecent(path));
}

/** What `ssh -V` says: `OpenSSH_10.0p2`. */
export function opensshVersion(path: string, option = "-V"): string {
  // sshd 9.2 knows no -V, and says its version on the way to saying so.
  const { stderr } = spawnSync(path, [option], { encoding: "utf8" });
  return /OpenSSH_\S+?(?=,|\s)/.exec(stderr ?? "")?.[0] ?? "unknown";
}

function isRecent(path: string): boolean {
  const [, major = 0, minor = 0] = /_(\d+)\.(\d+)/.exec(opensshVersion(path))?.map(Number) ?? [];
  return major > 9 || (major === 9 && minor >= 9);
}

/** ssh as rsh-path, with the words of Alpine's default rsh-command: a login for each call. */
export function sshDirect(name: string, path: string, servers: Servers, cleanup: Cleanup): Contender {
  return contender({ name, path, servers, cleanup, sharing: false });
}

/** The same with a ControlMaster, which is there before the first call. */
export async function sshShared(servers: Servers, cleanup: Cleanup): Promise<Contender> {
  const parts = { name: "ssh, ControlMaster", path: program("ssh"), servers, cleanup, sharing: true };
  const found = contender(parts);
  const masters = new Map<string, number>();
  for (const roundTrip of servers.roundTrips) {
    const [path = "", ...words] = found.start("system", roundTrip, "imap").argv.slice(0, 4);
    const child = spawn(path, ["-M", "-N", ...words], { stdio: "ignore" });
    cleanup.add(() => child.kill());
    await poll(
      () => spawnSync(path, ["-O", "check", ...words], { stdio: "ignore" }).status === 0,
      `ssh's master for ${roundTrip} ms`,
    );
    masters.set(aliasOf("system", roundTrip), await spawned(child));
  }
  const [nearest = 0] = servers.roundTrips;
  return { ...found, master: () => masters.get(aliasOf("system", nearest)) };
}

interface Parts {
  readonly name: string;
  readonly path: string;
  readonly servers: Servers;
  readonly cleanup: Cleanup;
  readonly sharing: boolean;
}

function contender({ name, path, servers, cleanup, sharing }: Parts): Contender {
  const home = cleanup.use(makeHome());
  const lines = sharing ? [`ControlPath ${home.path}/%n`] : [];
  const blocks = servers.all.flatMap((server) =>
    servers.roundTrips.map((roundTrip) => block(server, roundTrip, lines)),
  );
  const config = home.write("ssh_config", blocks.join(""));
  const users = new Map(servers.all.map((server) => [server.name, server.user]));
  return {
    name,
    start: (server, roundTrip, service) => ({
      argv: [
        ...[path, "-F", config, aliasOf(server, roundTrip), "-l", users.get(server) ?? ""],
        servers.commands[service],
      ],
      env: home.env,
    }),
  };
}

function aliasOf(server: ServerName, roundTrip: number): string {
  return `${server}-${roundTrip}`;
}

function block(server: Server, roundTrip: number, more: readonly string[]): string {
  const lines = [
    `HostName ${server.host}`,
    `Port ${server.port(roundTrip)}`,
    `User ${server.user}`,
    `IdentityFile ${server.identity}`,
    "IdentitiesOnly yes",
    `UserKnownHostsFile ${server.knownHosts}`,
    "BatchMode yes",
    ...more,
  ];
  return `Host ${aliasOf(server.name, roundTrip)}\n${lines.map((line) => `  ${line}\n`).join("")}`;
}
