import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type ListenOptions } from "node:net";
import { networkInterfaces } from "node:os";
import type { OpenSession } from "../../../src/forwards/carry.ts";
import type { SessionForward } from "../../../src/table/decision.ts";
import type { Endpoint, PlaceForward } from "../../../src/table/table.ts";
import { program } from "../../peers/programs.ts";
import { Received } from "../../peers/received.ts";
import { within } from "../../peers/waiting.ts";

/** A uid that is nobody's. */
export const STRANGER = 12345;

/** Our own uid. */
export const OWN = process.getuid?.() ?? -1;

/** For the `skip` of tests with another user's connections. */
export const withoutRoot = OWN === 0 ? false : "only root can be another user";

const hasSix = Object.values(networkInterfaces()).some((list) =>
  list?.some(({ address }) => address === "::1"),
);

/** For the `skip` of tests with ::1. */
export const withoutSix = hasSix ? false : "this machine has no ::1";

/** Where a client can find a forward of this machine; the last one is for an IPv6 socket to an IPv4 address. */
export const LOOPBACKS = hasSix ? ["127.0.0.1", "::1", "::ffff:127.0.0.1"] : ["127.0.0.1"];

/** A forward as the table has it. */
export function forwardOf(values: Partial<PlaceForward> & { readonly to: Endpoint }): PlaceForward {
  return { name: "smtp", listen: 2025, unless: {}, allow: "same-user", ...values };
}

/** One to a METHOD. */
export function sessionForward(values: Partial<SessionForward> = {}): SessionForward {
  const keys = { name: "inbox", listen: 1143, unless: {}, allow: "same-user", command: undefined } as const;
  return { ...keys, method: "imap", ...values };
}

/** For forwards to places, which have none. */
export const noSessions: OpenSession = () => Promise.reject(new Error("a session was wanted"));

/** A port that is free on both loopbacks, below those that the system gives out by itself. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 12_000 + Math.floor(Math.random() * 18_000);
    if ((await isFree({ host: "127.0.0.1", port })) && (await isFree({ host: "::1", port }))) return port;
  }
}

/** Below this a port needs a right (ip(7)). */
export const LOWEST_FREE = Number(readFileSync("/proc/sys/net/ipv4/ip_unprivileged_port_start", "utf8"));

/** For the `skip` of tests with such a port. */
export const withoutLowPorts = LOWEST_FREE > 1 ? false : "every port is free to everybody here";

/** A port that needs a right, and is free on both loopbacks. */
export async function lowPort(): Promise<number> {
  for (let port = LOWEST_FREE - 1; port > 0; port--) {
    if ((await isFree({ host: "127.0.0.1", port })) && (await isFree({ host: "::1", port }))) return port;
  }
  throw new Error("no low port is free");
}

async function isFree(where: ListenOptions): Promise<boolean> {
  const server = createServer().listen(where);
  try {
    await once(server, "listening");
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EADDRNOTAVAIL";
  }
  server.close();
  await once(server, "close");
  return true;
}

/** What a client connects to, and as whom. */
export interface ClientOptions {
  /** "127.0.0.1", "::1", "::ffff:127.0.0.1" (from an IPv6 socket), or the path of a Unix socket. */
  readonly address: string;
  readonly port?: number;
  /** Sent before the client ends its output. */
  readonly say?: string;
  /** Default: our own uid. */
  readonly uid?: number;
  /** Sends and is gone, without a look at what comes back. */
  readonly isHasty?: boolean;
}

/** Perl, since any user may run it, and since it can connect an IPv6 socket to an IPv4 address. */
const CLIENT = `
  use Socket qw(:DEFAULT inet_pton);
  my ($address, $port, $say, $hasty) = @ARGV;
  my $family = $address =~ m(/) ? AF_UNIX : $address =~ /:/ ? AF_INET6 : AF_INET;
  socket(my $socket, $family, SOCK_STREAM, 0) or die "socket: $!";
  my $to = $family == AF_UNIX ? pack_sockaddr_un($address)
    : $family == AF_INET6 ? pack_sockaddr_in6($port, inet_pton(AF_INET6, $address))
    : pack_sockaddr_in($port, inet_aton($address));
  connect($socket, $to) or do { print "connect: " . (0 + $!) . " $!"; exit };
  $SIG{PIPE} = "IGNORE";
  syswrite($socket, $say);
  exit if $hasty;
  shutdown($socket, 1);
  while (sysread($socket, my $bytes, 65536)) { syswrite(STDOUT, $bytes) }
`;

/** Runs a client in a process of its own; gives all that it has received. */
export async function runClient(options: ClientOptions): Promise<string> {
  const { address, port = 0, say = "", uid, isHasty = false } = options;
  const [command = "", ...words] = [...asUser(uid), program("perl"), "-e", CLIENT];
  const child = spawn(command, [...words, address, String(port), say, isHasty ? "1" : ""], {
    stdio: ["ignore", "pipe", "inherit"],
    cwd: "/",
  });
  let output = "";
  child.stdout.on("data", (chunk) => {
    output += chunk;
  });
  try {
    await within(once(child, "close"), `the client of ${address} ${port}`, () => output);
  } finally {
    child.kill("SIGKILL");
  }
  return output;
}

/** Another program that listens, and accepts nothing. */
export interface Started extends AsyncDisposable {
  readonly pid: number;
}

/** One that listens on a port. */
export interface OtherListener extends Started {
  readonly port: number;
}

export interface ListenerOptions {
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Default: our own. */
  readonly uid?: number;
  /** What it is called in its words, where Node or Perl would have the script's name. */
  readonly called?: string;
}

const LISTENER = `
  use Socket qw(:DEFAULT inet_pton);
  my ($host, $port) = @ARGV;
  my $family = $host =~ /:/ ? AF_INET6 : AF_INET;
  socket(my $socket, $family, SOCK_STREAM, 0) or die "socket: $!";
  setsockopt($socket, SOL_SOCKET, SO_REUSEADDR, 1) or die "setsockopt: $!";
  my $address = inet_pton($family, $host);
  my $at = $family == AF_INET6 ? pack_sockaddr_in6($port, $address) : pack_sockaddr_in($port, $address);
  bind($socket, $at) && listen($socket, 5) or die "listen: $!";
  $| = 1;
  print "pid $$\\n";
  <STDIN>;
`;

const PATH_LISTENER = `
  use Socket;
  socket(my $socket, AF_UNIX, SOCK_STREAM, 0) or die "socket: $!";
  bind($socket, pack_sockaddr_un($ARGV[0])) && listen($socket, 5) or die "listen: $!";
  $| = 1;
  print "pid $$\\n";
  <STDIN>;
`;

/** Starts another program at a path; it ends with its stdin, and leaves its socket file behind. */
export function startPathListener(path: string): Promise<Started> {
  return started([program("perl"), "-e", PATH_LISTENER, path]);
}

/** Starts another program on a free port; it ends with its stdin. */
export async function startListener(options: ListenerOptions = {}): Promise<OtherListener> {
  const { host = "127.0.0.1", uid, called = "" } = options;
  const port = await freePort();
  const other = await started([
    ...[...asUser(uid), program("perl"), "-e", LISTENER],
    ...[host, String(port), called],
  ]);
  return { ...other, port };
}

async function started([command = "", ...words]: readonly string[]): Promise<Started> {
  const child = spawn(command, words, { stdio: ["pipe", "pipe", "inherit"], cwd: "/" });
  const [, pid] = await new Received(child.stdout, "the other listener").until(/pid (\d+)\n/);
  return {
    pid: Number(pid),
    [Symbol.asyncDispose]: async () => {
      child.stdin.end();
      if (child.exitCode === null) await within(once(child, "exit"), "the end of the other listener");
    },
  };
}

function asUser(uid: number | undefined): readonly string[] {
  if (uid === undefined) return [];
  return [program("setpriv"), `--reuid=${uid}`, `--regid=${uid}`, "--clear-groups"];
}
