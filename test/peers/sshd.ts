import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { userInfo } from "node:os";
import { join } from "node:path";
import { hashKnownHosts, hostKeyName, type Key, makeKey } from "./keys.ts";
import { childrenOf, descendantsOf, gone, processesMarked, signal } from "./processes.ts";
import { findProgram, program } from "./programs.ts";
import { Received } from "./received.ts";
import { configuration, keysFile, type Parts, type SshdOptions } from "./sshd-config.ts";
import { makeTemporary, removeTemporary } from "./temporary.ts";
import { poll, within } from "./waiting.ts";

export type { SshdOptions };

/** A running sshd, and what its log tells. */
export interface Sshd extends AsyncDisposable {
  /** 127.0.0.1, or the first address it listens on. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** Path of the private key that may log in. */
  readonly identity: string;
  readonly hostKeys: readonly Key[];
  /** Path of a plain known_hosts with all its host keys. */
  readonly knownHosts: string;
  /** $HOME of remote commands (their working directory is the home of passwd). */
  readonly home: string;
  readonly pid: number;
  /** Writes another known_hosts and gives its path: names hashed, a key that is not the server's, or none. */
  knownHostsFile(kind: "hashed" | "wrong" | "empty"): string;
  /** sshd's log so far, LogLevel VERBOSE. */
  log(): string;
  /** Waits for something in the log. */
  logged(pattern: RegExp): Promise<RegExpExecArray>;
  /** Number of accepted logins so far. */
  logins(): number;
  /** Number of connections so far. */
  connections(): number;
  /** Pids of the children that serve a connection now. */
  sessions(): number[];
  /** Waits until no connection is being served. */
  idle(limit?: number): Promise<void>;
  /** SIGSTOP for the daemon and everything under it: the kernel still accepts connections, nothing answers. */
  freeze(): void;
  /** The end of freeze(). */
  thaw(): void;
  /** Ends the daemon and all its sessions, and gives what starts it again on the same port; both resolve when done. */
  down(): Promise<() => Promise<void>>;
  /** Ends everything it has started: daemon, sessions, remote commands. */
  stop(): Promise<void>;
}

let count = 0;

/** Starts an sshd of one's own on free loopback ports; done when it listens. */
export async function startSshd(options: SshdOptions = {}): Promise<Sshd> {
  const folder = makeTemporary();
  try {
    const parts = prepare(folder, options);
    for (let attempt = 1; ; attempt++) {
      const sshd = await launch({ ...parts, port: await freePort() });
      if (sshd !== undefined) return sshd;
      if (attempt === 5) throw new Error("sshd found no free port");
    }
  } catch (error) {
    removeTemporary(folder);
    throw error;
  }
}

/** Writes its keys and files. */
function prepare(folder: string, options: SshdOptions): Omit<Parts, "port"> & { readonly client: Key } {
  const home = join(folder, "home");
  mkdirSync(home);
  for (const [name, text] of Object.entries(options.files ?? {})) write(join(home, name), text);
  const client = makeKey(join(folder, "id"), options.clientKey);
  const lines = [`${options.keyOptions ?? ""} ${client.line}`.trimStart(), ...(options.authorized ?? [])];
  write(keysFile({ folder, home, options }), `${lines.join("\n")}\n`);
  const types = options.hostKeys ?? ["ed25519"];
  const hostKeys = types.map((type) => makeKey(join(folder, `host_${type}`), type));
  const marker = `PREAUTH_TEST_SSHD=${process.pid}-${++count}`;
  return { folder, home, client, hostKeys, marker, options };
}

/** Gives undefined when another program has taken the port since it was found free, as run() does. */
async function launch(parts: Parts & { readonly client: Key }): Promise<Sshd | undefined> {
  if (process.getuid?.() === 0) mkdirSync("/run/sshd", { recursive: true });
  write(configurationFile(parts), configuration(parts));
  const running = await run(parts);
  return running && new RunningSshd({ ...parts, ...running });
}

function configurationFile({ folder }: Pick<Parts, "folder">): string {
  return join(folder, "sshd_config");
}

/** Starts the daemon; done when it listens. */
async function run(parts: Parts): Promise<Pick<Running, "child" | "log"> | undefined> {
  // A test that is killed cannot stop it: the kernel then does, where setpriv(1) can ask for that.
  const setpriv = findProgram("setpriv");
  const sshd = parts.options.program?.path ?? program("sshd");
  const bound = setpriv === undefined ? [] : [setpriv, "--pdeathsig", "KILL"];
  const under = parts.options.under ?? [];
  const [first = "", ...words] = [...bound, ...under, sshd, "-D", "-e", "-f", configurationFile(parts)];
  const child = spawn(first, words, {
    stdio: ["ignore", "ignore", "pipe"],
    cwd: "/",
    detached: true,
  });
  const log = new Received(child.stderr, "sshd's log");
  try {
    for (const host of parts.options.listen ?? ["127.0.0.1"]) {
      await log.until(new RegExp(`Address already in use|Server listening on ${host} port ${parts.port}`));
    }
    if (!/Address already in use/.test(log.text)) return { child, log };
    child.kill("SIGKILL");
    return undefined;
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  }
}

function write(path: string, text: string): void {
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(path, text, { mode: 0o600 });
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no free port");
  return address.port;
}

interface Running extends Parts {
  readonly client: Key;
  readonly child: ChildProcess;
  readonly log: Received;
}

function exitOf(child: ChildProcess): Promise<unknown> {
  return child.exitCode === null ? once(child, "exit") : Promise.resolve();
}

class RunningSshd implements Sshd {
  readonly host: string;
  readonly port: number;
  readonly user = userInfo().username;
  readonly identity: string;
  readonly hostKeys: readonly Key[];
  readonly knownHosts: string;
  readonly home: string;
  #parts: Running;
  #exited: Promise<unknown>;
  #stopped: Promise<void> | undefined;

  constructor(parts: Running) {
    this.#parts = parts;
    this.host = parts.options.listen?.[0] ?? "127.0.0.1";
    this.port = parts.port;
    this.identity = parts.client.path;
    this.hostKeys = parts.hostKeys;
    this.home = parts.home;
    this.#exited = exitOf(parts.child);
    this.knownHosts = this.#writeKnownHosts("known_hosts", parts.hostKeys);
  }

  get pid(): number {
    return this.#parts.child.pid ?? 0;
  }

  knownHostsFile(kind: "hashed" | "wrong" | "empty"): string {
    const name = `known_hosts.${kind}.${++count}`;
    if (kind === "empty") return this.#writeKnownHosts(name, []);
    const wrong = () =>
      this.hostKeys.map(({ type }, index) => makeKey(join(this.#parts.folder, `${name}.${index}`), type));
    const path = this.#writeKnownHosts(name, kind === "wrong" ? wrong() : this.hostKeys);
    if (kind === "hashed") hashKnownHosts(path);
    return path;
  }

  #writeKnownHosts(name: string, keys: readonly Key[]): string {
    const hosts = ["127.0.0.1", "::1", "localhost"].map((host) => hostKeyName(host, this.port)).join(",");
    const path = join(this.#parts.folder, name);
    write(path, keys.map((key) => `${hosts} ${key.line}\n`).join(""));
    return path;
  }

  log(): string {
    return this.#parts.log.text;
  }

  logged(pattern: RegExp): Promise<RegExpExecArray> {
    return this.#parts.log.until(pattern);
  }

  logins(): number {
    return this.log().match(/^Accepted \S+ for /gm)?.length ?? 0;
  }

  connections(): number {
    return this.log().match(/^Connection from /gm)?.length ?? 0;
  }

  sessions(): number[] {
    return childrenOf(this.pid);
  }

  async idle(limit?: number): Promise<void> {
    const what = "the end of all connections to sshd";
    await poll(
      () => this.sessions().length === 0,
      what,
      () => this.log(),
      limit,
    );
  }

  freeze(): void {
    for (const pid of [this.pid, ...descendantsOf(this.pid)]) signal(pid, "SIGSTOP");
  }

  thaw(): void {
    for (const pid of [this.pid, ...descendantsOf(this.pid)]) signal(pid, "SIGCONT");
  }

  async down(): Promise<() => Promise<void>> {
    await this.#kill();
    return async () => {
      const running = await run(this.#parts);
      if (running === undefined) throw new Error(`sshd's port ${this.port} is another's`);
      this.#parts = { ...this.#parts, ...running };
      this.#exited = exitOf(running.child);
    };
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#end();
    return this.#stopped;
  }

  async #kill(): Promise<void> {
    const started = [...descendantsOf(this.pid), ...processesMarked(this.#parts.marker)];
    for (const pid of [this.pid, ...started]) signal(pid, "SIGKILL");
    await within(this.#exited, "sshd's end", () => this.log());
    for (const pid of started) await gone(pid);
  }

  async #end(): Promise<void> {
    await this.#kill();
    removeTemporary(this.#parts.folder);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}
