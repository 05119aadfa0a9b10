import { makeMailbox } from "../test/peers/dovecot.ts";
import { type Home, makeHome } from "../test/peers/home.ts";
import { hostKeyName } from "../test/peers/keys.ts";
import { recentSshd } from "../test/peers/recent_sshd.ts";
import { type Sshd, startSshd } from "../test/peers/sshd.ts";
import type { Cleanup } from "./cleanup.ts";
import { type Network, openNetwork } from "./network.ts";

/** What the remote command does: serves mail, sends without end, or reads without end. */
export type Service = "imap" | "download" | "upload";

/** The system's own sshd, or one of OpenSSH 9.9 or later. */
export type ServerName = "system" | "recent";

/** An SSH server that can be had at several round-trip times. */
export interface Server {
  readonly name: ServerName;
  readonly user: string;
  /** Path of the private key. */
  readonly identity: string;
  /** The host key as in known_hosts. */
  readonly hostKey: string;
  /** Path of a known_hosts with the key at every round-trip time. */
  readonly knownHosts: string;
  readonly host: string;
  /** The port there with a round-trip time of so many milliseconds. */
  port(roundTrip: number): number;
}

/** The servers of one run; "recent" is missing where there is no such sshd. */
export interface Servers {
  readonly all: readonly Server[];
  readonly commands: Readonly<Record<Service, string>>;
  readonly roundTrips: readonly number[];
}

// Many calls at once and no penalty for any of them; the rest is as sshd has it by default.
const CONFIG = ["MaxSessions 100", "MaxStartups 100"];

/** Starts them, with a Dovecot imap and a mailbox behind them. */
export async function startServers(roundTrips: readonly number[], cleanup: Cleanup): Promise<Servers> {
  const home = cleanup.use(makeHome());
  const mailbox = cleanup.use(makeMailbox());
  const program = recentSshd();
  const running: [ServerName, Sshd][] = [["system", cleanup.use(await startSshd({ config: CONFIG }))]];
  if (program !== undefined) {
    running.push(["recent", cleanup.use(await startSshd({ config: CONFIG, program }))]);
  }
  const lines = running.flatMap(([, { port }]) => roundTrips.map((roundTrip) => ({ port, roundTrip })));
  const network = cleanup.use(await openNetwork(lines));
  return {
    all: running.map(([name, sshd]) => describe(name, sshd, { network, roundTrips, home })),
    roundTrips,
    commands: { imap: mailbox.command, download: "exec cat /dev/zero", upload: "exec cat >/dev/null" },
  };
}

interface Place {
  readonly network: Network;
  readonly roundTrips: readonly number[];
  readonly home: Home;
}

function describe(name: ServerName, sshd: Sshd, { network, roundTrips, home }: Place): Server {
  const port = (roundTrip: number) => network.port({ port: sshd.port, roundTrip });
  const hostKey = sshd.hostKeys[0]?.line ?? "";
  const names = roundTrips.map((roundTrip) => hostKeyName(sshd.host, port(roundTrip)));
  const knownHosts = home.write(`known_hosts_${name}`, `${names.join(",")} ${hostKey}\n`);
  const { host, user, identity } = sshd;
  return { name, host, user, identity, hostKey, knownHosts, port };
}
