import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type HostLines, hostTable, makeHome } from "../test/peers/home.ts";
import { processesMarked, wordsOf } from "../test/peers/processes.ts";
import type { Cleanup } from "./cleanup.ts";
import type { Contender } from "./contender.ts";
import type { Server, ServerName, Servers } from "./servers.ts";

/** One of the two forms in which the program is built. */
interface Built {
  readonly name: string;
  /** The words that start it. */
  readonly argv: readonly string[];
}

const DIST = process.env.PREAUTH_DIST ?? fileURLToPath(new URL("../dist", import.meta.url));

/** The server's name in the tables. */
const NAME = "mail.test";

/** The executable, and the same program for Node. */
export const BUILT: readonly Built[] = [
  { name: "preauth", argv: [`${DIST}/preauth`] },
  { name: "preauth.js", argv: [process.execPath, `${DIST}/preauth.js`] },
];

/** One form used in three ways: a login for each call, a shared connection, and one with a spare mailbox. */
export interface Ways {
  readonly direct: Contender;
  readonly shared: Contender;
  readonly spare: Contender;
}

/** Gives it homes with tables. The masters that its calls start end with `cleanup`. */
export function waysOf(built: Built, servers: Servers, cleanup: Cleanup): Ways {
  const persist = "10m";
  return {
    direct: contender({ ...built, servers, cleanup }, { share: false }),
    shared: contender(
      { ...built, name: `${built.name}, shared`, servers, cleanup },
      { share: true, persist },
    ),
    spare: contender(
      { ...built, name: `${built.name}, spare`, servers, cleanup },
      { share: true, persist, spare: 1 },
    ),
  };
}

interface Parts extends Built {
  readonly servers: Servers;
  readonly cleanup: Cleanup;
}

function contender({ name, argv, servers, cleanup }: Parts, keys: HostLines): Contender {
  const home = cleanup.use(makeHome());
  const { commands, roundTrips } = servers;
  // A table for each, as nobody has one with ten hosts that differ in their round-trip times.
  for (const server of servers.all) {
    for (const roundTrip of roundTrips) {
      const lines = host(server, roundTrip, { ...keys, ...asKeys(commands) });
      home.write(tableName(server.name, roundTrip), lines);
    }
  }
  const [program = "", ...words] = argv;
  if (keys.share === true) {
    cleanup.add(() => spawnSync(program, [...words, "--stop", "--now"], { env: home.env, stdio: "ignore" }));
  }
  return {
    name,
    start: (server, roundTrip, service) => ({
      argv: [...argv, NAME, "joe", service],
      env: { ...home.env, PREAUTH_TABLE: join(home.path, tableName(server, roundTrip)) },
    }),
    // Nobody else has this home.
    master: () => processesMarked(`HOME=${home.path}`).find((pid) => wordsOf(pid).includes("--master")),
  };
}

function tableName(server: ServerName, roundTrip: number): string {
  return `${server}-${roundTrip}.toml`;
}

function asKeys(commands: Servers["commands"]): HostLines {
  return Object.fromEntries(
    Object.entries(commands).map(([method, command]) => [`commands.${method}`, command]),
  );
}

function host(server: Server, roundTrip: number, keys: HostLines): string {
  return hostTable({
    match: NAME,
    server: server.host,
    port: server.port(roundTrip),
    user: server.user,
    identity: server.identity,
    known_hosts: server.knownHosts,
    ssh_config: "none",
    deadline: "30s",
    ...keys,
  });
}
