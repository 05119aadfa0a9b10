import { execFileSync, spawn } from "node:child_process";
import { join } from "node:path";
import { makeHome } from "../test/peers/home.ts";
import { program } from "../test/peers/programs.ts";
import { poll } from "../test/peers/waiting.ts";
import { spawned } from "./child.ts";
import type { Cleanup } from "./cleanup.ts";
import type { Contender } from "./contender.ts";
import type { Server, ServerName, Servers } from "./servers.ts";

/** Dropbear's client; it has no sharing. Throws when it is not installed. */
export function dropbear(servers: Servers, cleanup: Cleanup): Contender {
  const home = cleanup.use(makeHome());
  const client = program("dbclient");
  const identities = new Map<ServerName, string>();
  for (const server of servers.all) {
    const identity = join(home.path, `id_${server.name}`);
    execFileSync(program("dropbearconvert"), ["openssh", "dropbear", server.identity, identity], QUIET);
    identities.set(server.name, identity);
  }
  // It knows hosts by their names alone, without ports, and one line for the name is all it can have.
  const system = serverOf(servers, "system");
  home.write(".ssh/known_hosts", `127.0.0.1 ${system.hostKey}\n`);
  return {
    name: "dbclient",
    start: (name, roundTrip, service) => {
      const server = serverOf(servers, name);
      const port = String(server.port(roundTrip));
      const where = ["-T", "-i", identities.get(name) ?? "", "-p", port, `${server.user}@127.0.0.1`];
      return { argv: [client, ...where, servers.commands[service]], env: home.env };
    },
  };
}

/** PuTTY's client for pipes: a login for each call, or with -share a session that others go through. */
export interface Putty {
  readonly direct: Contender;
  readonly shared: Contender;
}

/** Starts the sessions that are shared. Throws when it is not installed. */
export async function putty(servers: Servers, cleanup: Cleanup): Promise<Putty> {
  const home = cleanup.use(makeHome());
  const client = program("plink");
  const keys = new Map<ServerName, string>();
  for (const { name, identity } of servers.all) {
    const key = join(home.path, `${name}.ppk`);
    execFileSync(program("puttygen"), [identity, "-O", "private", "-o", key], QUIET);
    keys.set(name, key);
  }
  const words = (name: ServerName, roundTrip: number) => {
    const server = serverOf(servers, name);
    const where = ["-P", String(server.port(roundTrip)), "-l", server.user];
    return ["-ssh", "-batch", "-noagent", ...where, "-i", keys.get(name) ?? "", ...hostKey(server)];
  };
  const call = (option: readonly string[]): Contender["start"] => {
    return (name, roundTrip, service) => ({
      argv: [client, ...option, ...words(name, roundTrip), "127.0.0.1", servers.commands[service]],
      env: home.env,
    });
  };

  const masters: number[] = [];
  for (const roundTrip of servers.roundTrips) {
    const session = [...words("system", roundTrip), "127.0.0.1"];
    const child = spawn(client, ["-share", "-N", ...session], { stdio: "ignore", env: home.env });
    cleanup.add(() => child.kill());
    masters.push(await spawned(child));
    await poll(() => isShared(client, session, home.env), `plink's session for ${roundTrip} ms`);
  }
  return {
    direct: { name: "plink", start: call([]) },
    shared: { name: "plink -share", start: call(["-share"]), master: () => masters[0] },
  };
}

const QUIET = { stdio: "ignore" } as const;

function serverOf(servers: Servers, name: ServerName): Server {
  const found = servers.all.find((server) => server.name === name);
  if (found === undefined) throw new Error(`no server "${name}"`);
  return found;
}

/** plink(1): with -hostkey nothing is asked and no file is read. */
function hostKey({ hostKey: line }: Server): readonly string[] {
  const digest = execFileSync(program("ssh-keygen"), ["-lf", "-"], { input: `${line}\n`, encoding: "utf8" });
  return ["-hostkey", digest.split(" ")[1] ?? ""];
}

function isShared(
  client: string,
  session: readonly string[],
  env: Readonly<Record<string, string>>,
): boolean {
  try {
    execFileSync(client, ["-shareexists", ...session], { ...QUIET, env });
    return true;
  } catch {
    return false;
  }
}
