import { readdirSync, readlinkSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Form, forms } from "../peers/binaries.ts";
import { type Finished, runCall } from "../peers/call.ts";
import { type Mailbox, makeMailbox } from "../peers/dovecot.ts";
import { type Home, hostTable, makeHome } from "../peers/home.ts";
import { descendantsOf, processesMarked, signal, wordsOf } from "../peers/processes.ts";
import { type Sshd, startSshd } from "../peers/sshd.ts";
import { FaultyLine } from "./faulty_line.ts";
import { Random } from "./random.ts";

/** Keys of the table that may be changed while it is in use. */
export interface Keys {
  readonly spare: number;
  readonly persist: string;
}

/** A home, its mail host, and the line between them. */
export class Scene implements AsyncDisposable {
  readonly home: Home;
  readonly sshd: Sshd;
  readonly mailbox: Mailbox;
  readonly line: FaultyLine;
  readonly forms: readonly Form[] = forms;
  /** The first of them. */
  readonly form: Form;

  private constructor(home: Home, sshd: Sshd, mailbox: Mailbox, line: FaultyLine) {
    const [form] = forms;
    if (form === undefined) throw new Error("no form of the program");
    this.form = form;
    this.home = home;
    this.sshd = sshd;
    this.mailbox = mailbox;
    this.line = line;
  }

  static async start(seed: number): Promise<Scene> {
    const home = makeHome();
    const mailbox = makeMailbox();
    // IMAP COMPRESS is a plugin of Dovecot's.
    const plugins = "protocol imap {\n  mail_plugins = imap_zlib\n}\n";
    writeFileSync(join(mailbox.path, "dovecot.conf"), plugins, { flag: "a" });
    const sshd = await startSshd({ config: ["MaxStartups 100"] });
    const line = await FaultyLine.open(sshd, new Random(seed, "line"));
    const scene = new Scene(home, sshd, mailbox, line);
    // A dead connection is noticed within seconds.
    home.write("ssh_config", "Host *\n  ServerAliveInterval 3\n  ServerAliveCountMax 3\n");
    const name = `[${line.host}]:${line.port}`;
    home.write("known_hosts", sshd.hostKeys.map((key) => `${name} ${key.line}\n`).join(""));
    scene.home.writeTable(scene.table());
    return scene;
  }

  table({ spare, persist }: Keys = { spare: 1, persist: "20s" }): string {
    return hostTable({
      ...{ match: "mail.test", server: this.line.host, port: this.line.port, user: this.sshd.user },
      ...{ identity: this.sshd.identity, known_hosts: join(this.home.path, "known_hosts") },
      ssh_config: join(this.home.path, "ssh_config"),
      ...{ share: true, spare, persist, "commands.imap": this.mailbox.command },
    });
  }

  /** Puts another table in the place of the one that is there, as an editor does. */
  replaceTable(text: string): void {
    const draft = this.home.write("config/preauth/draft", text);
    renameSync(draft, this.home.tableFile);
  }

  /** Runs a verb to its end. */
  run(form: Form, ...words: readonly string[]): Promise<Finished> {
    return runCall([...form.argv, ...words], { env: this.home.env, stdio: "pipes" });
  }

  /** Processes of the program that hold connections. */
  masters(): number[] {
    return this.processes().filter((pid) => wordsOf(pid).includes("--master"));
  }

  /** All processes on this side. */
  processes(): number[] {
    return processesMarked(`HOME=${this.home.path}`);
  }

  /** The processes of sshd that serve a connection, with their parts that have less rights. */
  connections(): number[] {
    return this.sshd.sessions().flatMap((pid) => [pid, ...descendantsOf(pid).filter(isSshd)]);
  }

  /** Processes of Dovecot's imap: their directory is the mailbox's. */
  imapds(): number[] {
    return descendantsOf(this.sshd.pid).filter((pid) => directoryOf(pid) === this.mailbox.path);
  }

  /** A folder of the mailbox, in the Maildir. */
  folder(name: string): string {
    return join(this.mailbox.path, "Maildir", `.${name}`);
  }

  /** Sockets of masters: none is of use when they have ended. */
  leftFiles(): readonly string[] {
    try {
      return readdirSync(join(this.home.path, "run", "preauth"));
    } catch {
      return [];
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const pid of this.processes()) signal(pid, "SIGKILL");
    await this.line[Symbol.asyncDispose]();
    await this.sshd.stop();
    this.mailbox[Symbol.dispose]();
    this.home[Symbol.dispose]();
  }
}

function isSshd(pid: number): boolean {
  return wordsOf(pid)[0]?.startsWith("sshd") ?? false;
}

function directoryOf(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return "";
  }
}
