import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import type { Status } from "../../../src/control/protocol.ts";
import type { Form } from "../../peers/binaries.ts";
import { type Call, type CallOptions, type Finished, runCall, startCall } from "../../peers/call.ts";
import { type Mailbox, makeMailbox } from "../../peers/dovecot.ts";
import { type Home, type HostLines, makeHome, tableFor } from "../../peers/home.ts";
import { descendantsOf, gone, isAlive, processesMarked, signal, wordsOf } from "../../peers/processes.ts";
import { type ProxyOptions, startProxy, type Proxy as TcpProxy } from "../../peers/proxy.ts";
import { type Sshd, type SshdOptions, startSshd } from "../../peers/sshd.ts";
import { poll } from "../../peers/waiting.ts";
import { throughTable } from "../stream/places.ts";

/** What a scene is made of beside a home whose calls share their connection. */
export interface SceneOptions {
  readonly sshd?: SshdOptions;
  /** More keys of the [[host]] "mail.test"; Dovecot is its imapd unless they say otherwise. */
  readonly host?: HostLines;
  /** More of the table. */
  readonly table?: string;
  /** Whether a proxy stands between the program and sshd. */
  readonly proxy?: Omit<ProxyOptions, "to"> | true;
}

/** A home whose table shares connections, its server, and whatever calls have left in the background. */
export interface Scene extends AsyncDisposable {
  readonly form: Form;
  readonly home: Home;
  readonly sshd: Sshd;
  /** Pids of Dovecot's imap for this scene, the oldest first. */
  imapds(): number[];
  /** The one that was asked for. */
  readonly proxy: TcpProxy;
  /** Starts a mail call for mail.test. */
  start(options?: StartOptions): Promise<Call>;
  /** The same, and its greeting has come: nothing was written before it. */
  open(options?: StartOptions): Promise<Call>;
  /** Runs a verb to its end; its results and its trouble are told apart. */
  run(...words: readonly string[]): Promise<Finished>;
  /** What `--status --json` tells; null when there is nothing. */
  status(): Promise<Status | null>;
  /** Waits until `--status --json` tells what `isIt` is true of. */
  statusOnce(isIt: (status: Status) => unknown, what: string): Promise<Status>;
  /** The pid of the master. */
  master(): Promise<number>;
  /** Waits for a line of the log. */
  logged(pattern: RegExp, limit?: number): Promise<RegExpExecArray>;
}

/** How a call differs from an IMAP call of Alpine's. */
export interface StartOptions extends Omit<CallOptions, "env"> {
  readonly method?: string;
  /** Default "mail.test". */
  readonly server?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** The beginning of what a client sees, when nothing else has been written. */
export const PREAUTH = /^\* PREAUTH [^\r\n]*\r\n/;

export async function startScene(form: Form, options: SceneOptions = {}): Promise<Scene> {
  const home = makeHome();
  const mailbox = makeMailbox();
  const sshd = await startSshd(options.sshd);
  const proxy =
    options.proxy === undefined
      ? undefined
      : await startProxy({ to: sshd, ...(options.proxy === true ? {} : options.proxy) });
  const keys = { share: true, "commands.imap": mailbox.command, ...options.host };
  const table = proxy === undefined ? tableFor(sshd, keys) : throughTable(home, sshd, proxy, keys);
  home.writeTable(`${table}\n${options.table ?? ""}`);
  return new RunningScene(form, home, sshd, mailbox, proxy);
}

class RunningScene implements Scene {
  readonly form: Form;
  readonly home: Home;
  readonly sshd: Sshd;
  readonly #mailbox: Mailbox;
  readonly #proxy: TcpProxy | undefined;
  readonly #calls: Call[] = [];

  constructor(form: Form, home: Home, sshd: Sshd, mailbox: Mailbox, proxy: TcpProxy | undefined) {
    this.form = form;
    this.home = home;
    this.sshd = sshd;
    this.#mailbox = mailbox;
    this.#proxy = proxy;
  }

  get proxy(): TcpProxy {
    if (this.#proxy === undefined) throw new Error("this scene has no proxy");
    return this.#proxy;
  }

  imapds(): number[] {
    // It overwrites its words and its environment; its directory is the mailbox's.
    return descendantsOf(this.sshd.pid)
      .filter((pid) => directoryOf(pid) === this.#mailbox.path)
      .sort((a, b) => a - b);
  }

  async start({ method = "imap", server = "mail.test", env, ...others }: StartOptions = {}): Promise<Call> {
    const call = await startCall([...this.form.argv, server, this.sshd.user, method], {
      ...others,
      env: { ...this.home.env, ...env },
    });
    this.#calls.push(call);
    return call;
  }

  async open(options?: StartOptions): Promise<Call> {
    const call = await this.start(options);
    await call.readUntil(PREAUTH);
    return call;
  }

  run(...words: readonly string[]): Promise<Finished> {
    return runCall([...this.form.argv, ...words], { env: this.home.env, stdio: "pipes" });
  }

  async status(): Promise<Status | null> {
    const { output, stderr } = await this.run("--status", "--json");
    if (stderr !== "") throw new Error(stderr);
    return JSON.parse(output.toString()) as Status | null;
  }

  async statusOnce(isIt: (status: Status) => unknown, what: string): Promise<Status> {
    let last: Status | null = null;
    return poll(
      async () => {
        last = await this.status();
        return last !== null && isIt(last) ? last : undefined;
      },
      what,
      () => `${JSON.stringify(last)}\n${this.home.log()}`,
    );
  }

  async master(): Promise<number> {
    const status = await this.status();
    if (status === null) throw new Error(`there is no master\n${this.home.log()}`);
    return status.pid;
  }

  logged(pattern: RegExp, limit?: number): Promise<RegExpExecArray> {
    return poll(
      () => pattern.exec(this.home.log()) ?? undefined,
      `${pattern} in the log`,
      () => this.home.log(),
      limit,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const call of this.#calls) await call[Symbol.asyncDispose]();
    await this.#proxy?.[Symbol.asyncDispose]();
    await this.sshd.stop();
    const pids = backgroundOf(this.home);
    for (const pid of pids) signal(pid, "SIGKILL");
    for (const pid of pids) await gone(pid);
    this.#mailbox[Symbol.dispose]();
    this.home[Symbol.dispose]();
  }
}

/** Processes of the program, or of what it has started, that live in this home. */
export function backgroundOf(home: Home): number[] {
  return processesMarked(`HOME=${home.path}`);
}

/** Masters that live in this home. */
export function mastersOf(home: Home): number[] {
  return backgroundOf(home).filter((pid) => wordsOf(pid).includes("--master"));
}

/** Sends LOGOUT, and gives the exit status when all has ended well. */
export async function logout(call: Call): Promise<number | null> {
  call.write("z LOGOUT\r\n");
  await call.readUntil(/^z OK .*\r\n/m);
  call.end();
  return (await call.finished()).status;
}

/** Whether a mailbox answers. */
export async function answers(call: Call, tag: string): Promise<void> {
  call.write(`${tag} NOOP\r\n`);
  await call.readUntil(new RegExp(`^${tag} OK .*\r\n`, "m"));
}

/** Ends a process the hard way, and waits for that. */
export async function kill(pid: number): Promise<void> {
  signal(pid, "SIGKILL");
  if (isAlive(pid)) await gone(pid);
}

function directoryOf(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return "";
  }
}

/** How many control connections a home's master has: they have the address that its socket was bound to. */
export function callersOf(home: Home): number {
  const address = `${home.env.XDG_RUNTIME_DIR}/preauth/`;
  const rows = readFileSync("/proc/net/unix", "latin1").split("\n");
  // SS_CONNECTED of linux/net.h.
  return rows.filter((row) => row.includes(address) && row.split(/\s+/)[5] === "03").length;
}

/** What the descriptors of a process are, as /proc shows them. */
export function descriptorsOf(pid: number): string[] {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder).flatMap((name) => {
    try {
      return [readlinkSync(join(folder, name))];
    } catch {
      // Closed in between.
      return [];
    }
  });
}
