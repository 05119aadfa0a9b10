import { once } from "node:events";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { type Home, type HostLines, hostTable, makeHome, tableFor } from "../../peers/home.ts";
import { startProxy, type Traffic } from "../../peers/proxy.ts";
import { type Sshd, startSshd } from "../../peers/sshd.ts";
import { silentServer } from "../../peers/tcp.ts";
import { startUnanswering } from "../../peers/unanswering.ts";
import { poll } from "../../peers/waiting.ts";
import { skipWithoutNameServer, startSilentNameServer } from "./lookup.ts";
import { appeared, endAll, type MailOptions } from "./mail_call.ts";

/** Peers that make a call stand still at one of its steps. */
export interface Standstill extends AsyncDisposable {
  /** Its table leads there. */
  readonly home: Home;
  /** What the call is to be started with. */
  readonly options: Pick<MailOptions, "env" | "under">;
  /** Resolves when the call, which is process `pid`, stands there. */
  reached(pid: number): Promise<void>;
  /** Resolves when the other side has no trace of the call any more. */
  forgotten(): Promise<void>;
}

/** A step of a call before the greeting, and how to make it last for ever. */
export interface Place {
  /** "while ..." */
  readonly title: string;
  /** Why it cannot be arranged here. */
  readonly skip?: string | false;
  arrange(): Promise<Standstill>;
}

/** The last step of all. */
export const WITHOUT_GREETING: Place = {
  title: "the remote command does not greet",
  arrange: () => noGreeting(false),
};

export const PLACES: readonly Place[] = [
  { title: "ssh -G hangs", arrange: hangingConfiguration },
  { title: "no name server answers", skip: skipWithoutNameServer(), arrange: hangingLookup },
  { title: "the server's port does not answer", arrange: unansweringPort },
  { title: "the server does not say its version", arrange: silentPort },
  { title: "keys are being exchanged", arrange: frozenKeyExchange },
  { title: "the login is under way", arrange: frozenLogin },
  { title: "the agent hangs", arrange: hangingAgent },
  { title: "a ProxyCommand hangs", arrange: hangingProxyCommand },
  WITHOUT_GREETING,
  { title: "the network has gone, after exec", arrange: () => noGreeting(true) },
];

/** Far more than any test waits. */
const FOR_EVER = "sleep 1000";

const nothing = async () => {};

async function hangingConfiguration(): Promise<Standstill> {
  const home = makeHome();
  const started = join(home.path, "started");
  const ssh_config = home.write("ssh_config", `Match exec "touch ${started}; ${FOR_EVER}; true"\n`);
  home.writeTable(hostTable({ match: "mail.test", ssh_config, command: FOR_EVER }));
  return standstill(home, { reached: () => appeared(started), forgotten: nothing });
}

async function hangingLookup(): Promise<Standstill> {
  const home = makeHome();
  const nameServer = await startSilentNameServer(home);
  const server = "imap.nowhere.test";
  home.writeTable(hostTable({ match: "mail.test", server, ssh_config: "none", command: FOR_EVER }));
  const { under, asked } = nameServer;
  return standstill(home, { options: { under }, reached: asked, forgotten: nothing, peers: [nameServer] });
}

async function unansweringPort(): Promise<Standstill> {
  const home = makeHome();
  const peer = await startUnanswering();
  home.writeTable(directTable(peer));
  const reached = (pid: number) =>
    poll(() => isConnecting(pid, peer.port), "the connection attempt").then(nothing);
  return standstill(home, { reached, forgotten: nothing, peers: [peer] });
}

/** Whether a process waits for an answer from a port (state 02 of proc_net_tcp(5) is SYN_SENT). */
function isConnecting(pid: number, port: number): boolean {
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  const rows = readFileSync("/proc/net/tcp", "latin1").matchAll(
    new RegExp(`: \\S+ 0100007F:${hex} 02(?: +\\S+){5} +(\\d+)`, "g"),
  );
  const own = new Set(socketsOf(pid));
  return [...rows].some(([, inode]) => inode !== undefined && own.has(inode));
}

/** The inodes of a process's sockets. */
function socketsOf(pid: number): string[] {
  const folder = `/proc/${pid}/fd`;
  try {
    const targets = readdirSync(folder).map((name) => readlinkSync(join(folder, name)));
    return targets.flatMap((target) => /^socket:\[(\d+)\]$/.exec(target)?.[1] ?? []);
  } catch {
    // A descriptor was closed in between: the next look sees better.
    return [];
  }
}

async function silentPort(): Promise<Standstill> {
  const home = makeHome();
  const peer = await silentServer();
  home.writeTable(directTable(peer));
  return standstill(home, { reached: () => peer.connected(), forgotten: () => peer.idle(), peers: [peer] });
}

function frozenKeyExchange(): Promise<Standstill> {
  return frozen(({ down }) => down > 300);
}

function frozenLogin(): Promise<Standstill> {
  // The first small answer after the exchange is that to the service request.
  return frozen(({ down, piece }) => down > 1500 && piece.length < 200);
}

async function frozen(freezeWhen: (seen: Traffic) => boolean): Promise<Standstill> {
  const home = makeHome();
  const sshd = await startSshd();
  const proxy = await startProxy({ to: sshd, freezeWhen });
  home.writeTable(throughTable(home, sshd, proxy, { command: FOR_EVER }));
  const forgotten = async () => {
    proxy.thaw();
    await proxy.idle();
    await sshd.idle();
  };
  return standstill(home, { reached: proxy.froze, forgotten, peers: [proxy, sshd] });
}

async function hangingAgent(): Promise<Standstill> {
  const home = makeHome();
  const sshd = await startSshd();
  home.writeTable(tableFor(sshd, { command: FOR_EVER }));
  const agent = await silentSocket(join(home.path, "agent"));
  const forgotten = async () => {
    await poll(() => agent.sockets.size === 0, "the end of all connections to the agent");
    await sshd.idle();
  };
  return standstill(home, {
    options: { env: { SSH_AUTH_SOCK: join(home.path, "agent") } },
    reached: agent.asked,
    forgotten,
    peers: [agent, sshd],
  });
}

/** A socket that accepts, reads and says nothing. */
async function silentSocket(path: string) {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", nothing).on("close", () => sockets.delete(socket));
    // Where nobody reads what came, an end is not seen.
    socket.resume();
  });
  server.listen(path);
  await once(server, "listening");
  const asked = once(server, "connection").then(([socket]) => once(socket, "data"));
  return {
    sockets,
    asked: () => asked.then(nothing),
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

async function hangingProxyCommand(): Promise<Standstill> {
  const home = makeHome();
  const started = join(home.path, "started");
  const script = home.write("proxy", `#!/bin/sh\ntouch ${started}\n${FOR_EVER}\n`, 0o700);
  const ssh_config = home.write("ssh_config", `Host *\n  ProxyCommand ${script}\n`);
  home.writeTable(hostTable({ match: "mail.test", ssh_config, command: FOR_EVER }));
  return standstill(home, { reached: () => appeared(started), forgotten: nothing });
}

async function noGreeting(withoutNetwork: boolean): Promise<Standstill> {
  const home = makeHome();
  const sshd = await startSshd();
  const proxy = await startProxy({ to: sshd });
  const started = join(sshd.home, "started");
  const command = { command: `touch ${started}; exec ${FOR_EVER}` };
  home.writeTable(throughTable(home, sshd, proxy, command));
  const reached = async () => {
    await appeared(started);
    if (withoutNetwork) proxy.freeze();
  };
  const forgotten = async () => {
    proxy.thaw();
    await sshd.idle();
  };
  return standstill(home, { reached, forgotten, peers: [proxy, sshd] });
}

/** A peer that is not asked for anything but a connection. */
function directTable(peer: { readonly host: string; readonly port: number }): string {
  const { host, port } = peer;
  return hostTable({ match: "mail.test", server: host, port, ssh_config: "none", command: FOR_EVER });
}

/** The way to an sshd through a proxy, whose port known_hosts does not have. */
export function throughTable(
  home: Home,
  sshd: Sshd,
  proxy: { readonly host: string; readonly port: number },
  keys: HostLines = {},
): string {
  const lines = sshd.hostKeys.map((key) => `[${proxy.host}]:${proxy.port} ${key.line}\n`);
  return tableFor(sshd, {
    port: proxy.port,
    known_hosts: home.write("known_hosts", lines.join("")),
    ...keys,
  });
}

interface Parts extends Pick<Standstill, "reached" | "forgotten">, Partial<Pick<Standstill, "options">> {
  /** Ended in this order. */
  readonly peers?: readonly AsyncDisposable[];
}

function standstill(home: Home, { peers = [], options = {}, ...parts }: Parts): Standstill {
  return {
    ...parts,
    options,
    home,
    [Symbol.asyncDispose]: async () => {
      for (const peer of peers) await peer[Symbol.asyncDispose]();
      endAll(home);
      home[Symbol.dispose]();
    },
  };
}
