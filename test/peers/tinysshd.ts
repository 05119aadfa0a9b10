import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { userInfo } from "node:os";
import { join } from "node:path";
import { hostKeyName, makeKey } from "./keys.ts";
import { descendantsOf, signal } from "./processes.ts";
import { findProgram, program } from "./programs.ts";
import { makeTemporary, removeTemporary } from "./temporary.ts";

/** A running TinySSH, which has ChaCha20-Poly1305 for its only cipher. */
export interface Tinysshd extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** Path of the private key that may log in. */
  readonly identity: string;
  readonly knownHosts: string;
  log(): string;
}

/** Where its home is, in its own eyes. */
const HOME = "/mnt";

/** For the `skip` of a test that needs it. In CI nothing is skipped: it throws. */
export function skipWithoutTinysshd(): string | false {
  const isRoot = process.getuid?.() === 0;
  if (isRoot && findProgram("tinysshd") !== undefined) return false;
  const reason = isRoot ? "no tinysshd: node test/setup.mjs" : "only root can give tinysshd another home";
  if (isRoot && process.env.CI === "true") throw new Error(reason);
  return reason;
}

/** Starts one; it serves what it has for standard input, so that each connection is given a process here. */
export async function startTinysshd(): Promise<Tinysshd> {
  const folder = makeTemporary();
  const home = join(folder, "home");
  mkdirSync(join(home, ".ssh"), { recursive: true, mode: 0o700 });
  const client = makeKey(join(folder, "id"));
  copyFileSync(`${client.path}.pub`, join(home, ".ssh", "authorized_keys"));
  const keys = join(folder, "keys");
  execFileSync(program("tinysshd-makekey"), ["-q", keys]);
  const printed = execFileSync(program("tinysshd-printkey"), [keys], { encoding: "utf8" });
  const line = /^ssh-ed25519 \S+/m.exec(printed)?.[0] ?? "";
  const user = userInfo().username;
  // It takes the home from passwd alone, and wants no directory above it that others can write: it is given one of its
  // own, which nobody else sees.
  const passwd = join(folder, "passwd");
  writeFileSync(passwd, `${user}:x:0:0::${HOME}:/bin/sh\n`);
  const own = `mount --bind "$0/passwd" /etc/passwd && mount --bind "$0/home" ${HOME} && exec "$@"`;
  const words = [
    ...["--pdeathsig", "KILL", program("unshare"), "--mount", "--propagation", "private"],
    ...["sh", "-c", own, folder, program("tinysshd"), "-v", keys],
  ];
  let log = "";
  const children = new Set<ChildProcess>();
  const serve = (socket: Socket) => {
    const child = spawn(program("setpriv"), words, { stdio: [socket, socket, "pipe"], cwd: "/" });
    children.add(child);
    child.once("close", () => children.delete(child));
    child.stderr?.on("data", (chunk: Buffer) => {
      log += chunk;
    });
    socket.destroy();
  };
  const server = createServer({ pauseOnConnect: true }, serve).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { readonly port: number };
  const knownHosts = join(folder, "known_hosts");
  writeFileSync(knownHosts, `${hostKeyName("127.0.0.1", port)} ${line}\n`);
  return {
    ...{ host: "127.0.0.1", port, user, identity: client.path, knownHosts, log: () => log },
    [Symbol.asyncDispose]: async () => {
      server.close();
      for (const child of children) {
        const ended = once(child, "close");
        const pid = child.pid ?? 0;
        for (const one of [pid, ...descendantsOf(pid)]) signal(one, "SIGKILL");
        await ended;
      }
      removeTemporary(folder);
    },
  };
}
