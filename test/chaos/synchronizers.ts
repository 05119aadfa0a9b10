import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chownSync, mkdirSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { rshPath } from "../peers/alpine.ts";
import { program } from "../peers/programs.ts";
import { Received } from "../peers/received.ts";
import { messageOf, sumOf, sumsIn } from "./message.ts";
import { Random } from "./random.ts";
import type { Scene } from "./scene.ts";
import type { Tally } from "./tally.ts";

/** A run that takes longer hangs, ms. */
const RUN = 100_000;

/** Milliseconds after the end of all trouble in which a synchronization has to succeed. */
const AT_LAST = 90_000;

/** Milliseconds between two deliveries. */
const DELIVERIES = [50, 400] as const;

/** Folders that mbsync keeps alike on both sides, and the one that OfflineIMAP copies. */
const BOTH = ["both0", "both1", "both2", "both3"];
const COPIED = "copied";

/** Real mbsync and OfflineIMAP, while messages are delivered on both sides. */
export class Synchronizers {
  readonly #scene: Scene;
  readonly #tally: Tally;
  readonly #random: Random;
  readonly #near: string;
  readonly #clients: Readonly<Record<string, readonly string[]>>;
  readonly #running = new Set<ChildProcess>();
  /** Sums of all messages that were delivered, by folder and name. */
  readonly #delivered = new Map<string, Map<string, string>>();
  #count = 0;

  constructor(scene: Scene, tally: Tally, seed: number) {
    this.#scene = scene;
    this.#tally = tally;
    this.#random = new Random(seed, "deliveries");
    this.#near = join(scene.home.path, "near");
    const words = `${rshPath(scene.home, scene.form.argv)} mail.test ${scene.sshd.user} imap`;
    const mbsyncrc = scene.home.write("mbsyncrc", mbsync(words, this.#near));
    const offlineimaprc = scene.home.write("offlineimaprc", offlineimap(words, scene.home.path));
    this.#clients = {
      mbsync: [program("mbsync"), "-q", "-c", mbsyncrc, "-a"],
      OfflineIMAP: [program("offlineimap"), "-c", offlineimaprc, "-o"],
    };
    for (const folder of BOTH) {
      makeFolder(join(this.#near, folder), undefined);
      makeFolder(scene.folder(folder), this.#owner);
    }
    makeFolder(scene.folder(COPIED), this.#owner);
  }

  /** Pids of those that run now. */
  get calls(): readonly number[] {
    return [...this.#running].map(({ pid }) => pid ?? 0);
  }

  /** Works until the moment `end` of performance.now(), and then until each has succeeded once more. */
  async run(end: number): Promise<void> {
    const deliveries = this.#deliver(end);
    await Promise.all(Object.keys(this.#clients).map((name) => this.#repeat(name, end, deliveries)));
  }

  /** Compares both sides with what was delivered. */
  verify(): void {
    for (const [folder, sums] of this.#delivered) {
      const near =
        folder === COPIED ? join(this.#scene.home.path, "offline", folder) : join(this.#near, folder);
      for (const side of [near, this.#scene.folder(folder)]) {
        const found = sumsIn(side);
        for (const [id, sum] of sums) {
          const there = found.get(id) ?? [];
          this.#tally.add("synchronized messages verified at the end");
          if (there.length === 0) this.#tally.find("lost", `${id} in ${side}`);
          else if (there.length > 1) this.#tally.find("doubled", `${id} in ${side}`);
          else if (there[0] !== sum) this.#tally.find("wrong", `${id} in ${side}`);
        }
      }
    }
  }

  get #owner(): { readonly uid: number; readonly gid: number } {
    return statSync(join(this.#scene.mailbox.path, "Maildir"));
  }

  async #deliver(end: number): Promise<void> {
    while (performance.now() < end) {
      const folder = this.#random.pick([...BOTH, COPIED]);
      const id = `${folder}-${++this.#count}`;
      const bytes = messageOf(this.#random, id, this.#size());
      // OfflineIMAP sends a message again when it was not told that the first has arrived; so it only fetches.
      const isNear = folder !== COPIED && this.#random.chance(50);
      const place = isNear ? join(this.#near, folder) : this.#scene.folder(folder);
      deliver(place, id, bytes, isNear ? undefined : this.#owner);
      const sums = this.#delivered.get(folder) ?? new Map<string, string>();
      this.#delivered.set(folder, sums.set(id, sumOf(bytes)));
      this.#tally.add("messages delivered for synchronization");
      await pause(this.#random.between(...DELIVERIES));
    }
  }

  #size(): number {
    const part = this.#random.below(100);
    if (part < 1) return this.#random.between(8_000_000, 20_000_000);
    return part < 6 ? this.#random.between(200_000, 2_000_000) : this.#random.between(100, 60_000);
  }

  async #repeat(name: string, end: number, deliveries: Promise<void>): Promise<void> {
    for (;;) {
      const isLast = performance.now() > end;
      if (isLast) await deliveries;
      const { status, said } = await this.#once(name);
      this.#tally.add(`runs of ${name}${status === 0 ? "" : " that failed"}`);
      if (isLast && status === 0) return;
      if (performance.now() > end + AT_LAST) {
        return this.#tally.find("wrong", `${name} fails when all is over: ${status}: ${said.slice(-300)}`);
      }
      await pause(300);
    }
  }

  async #once(name: string): Promise<{ readonly status: number | null; readonly said: string }> {
    const [file = "", ...words] = this.#clients[name] ?? [];
    const child = spawn(file, words, { env: this.#scene.home.env, stdio: ["ignore", "ignore", "pipe"] });
    this.#running.add(child);
    const said = new Received(child.stderr, `${name}'s words`);
    const timer = setTimeout(() => {
      this.#tally.find("hung", `${name}: ${said.text.slice(-300)}`);
      child.kill("SIGKILL");
    }, RUN);
    const [status] = await once(child, "exit");
    clearTimeout(timer);
    this.#running.delete(child);
    return { status, said: said.text };
  }
}

function makeFolder(path: string, owner: { readonly uid: number; readonly gid: number } | undefined): void {
  for (const name of ["cur", "new", "tmp"]) mkdirSync(join(path, name), { recursive: true });
  if (owner === undefined) return;
  for (const name of ["", "cur", "new", "tmp"]) chownSync(join(path, name), owner.uid, owner.gid);
}

/** As a delivery does it (maildir(5)); lines end as they do in files. */
function deliver(
  folder: string,
  id: string,
  bytes: Buffer,
  owner: { readonly uid: number; readonly gid: number } | undefined,
): void {
  const draft = join(folder, "tmp", id);
  writeFileSync(draft, bytes.toString("latin1").replaceAll("\r", ""));
  if (owner !== undefined) chownSync(draft, owner.uid, owner.gid);
  renameSync(draft, join(folder, "new", `${Math.floor(Date.now() / 1000)}.${id}.test`));
}

function mbsync(words: string, near: string): string {
  const channels = BOTH.map(
    (folder) =>
      `Channel ${folder}\nFar :far:${folder}\nNear :near:${folder}\nCreate Both\nSync All\nSyncState *\n`,
  );
  const stores = [
    `IMAPStore far\nTunnel "${words}"\n`,
    `MaildirStore near\nPath ${near}/\nInbox ${near}/INBOX\nSubFolders Verbatim\n`,
  ];
  return [...stores, ...channels].join("\n");
}

function offlineimap(words: string, home: string): string {
  return [
    `[general]\naccounts = a\nui = quiet\nmetadata = ${home}/offlineimap\nsocktimeout = 60`,
    "[Account a]\nlocalrepository = near\nremoterepository = far",
    `[Repository near]\ntype = Maildir\nlocalfolders = ${home}/offline`,
    `[Repository far]\ntype = IMAP\npreauthtunnel = ${words}\nfolderfilter = lambda name: name == "${COPIED}"`,
    "",
  ].join("\n");
}
