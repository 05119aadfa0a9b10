import { type Call, startCall } from "../peers/call.ts";
import { isAlive } from "../peers/processes.ts";
import { type Answer, Imap, Lost, Silent, Wrong } from "./imap.ts";
import { Ledger } from "./ledger.ts";
import { messageOf, sumOf } from "./message.ts";
import { Random } from "./random.ts";
import type { Scene } from "./scene.ts";
import { HUGE, LARGEST, type Script, type Step, scriptOf } from "./script.ts";
import type { Tally, Troubles } from "./tally.ts";

/** Milliseconds to the greeting: the table's deadline is 10 s, and a busy machine starts programs late. */
const GREETING = 20_000;

/** A call that has given its last output ends within so many milliseconds. */
const LEAVING = 20_000;

/** Milliseconds that it has to end by itself when its output has ended. */
const PROMPT = 5_000;

/** What a session does first. */
const GREETED = "the greeting";

/** A failure is remembered for so many milliseconds (src/second_chances.ts: 30 s of silence, and what led to it). */
const REMEMBERED = 31_000;

/** All that is remembered of a failure is forgotten after so many milliseconds (60 s at most). */
const FORGOTTEN = 65_000;

/** What a refusal says (on_failure = "refuse"), and when it is told of that there is no table. */
const REFUSAL = /^\* PREAUTH \[CAPABILITY IMAP4rev1\] preauth\r\n$/;
const NO_TABLE = /^\* NO preauth: .*: no such table\r\n$/;

/** One mail client after another, in a folder that they have to themselves, and what must be in it. */
export class Worker {
  readonly #scene: Scene;
  readonly #tally: Tally;
  readonly #troubles: Troubles;
  readonly #seed: number;
  readonly #number: number;
  readonly #folder: string;
  readonly #ledger: Ledger;
  #sessions = 0;
  #messages = 0;
  #call: Call | undefined;

  constructor(scene: Scene, tally: Tally, troubles: Troubles, seed: number, number: number) {
    this.#scene = scene;
    this.#tally = tally;
    this.#troubles = troubles;
    this.#seed = seed;
    this.#number = number;
    this.#folder = `worker${number}`;
    this.#ledger = new Ledger(tally);
  }

  /** Pid of the call that is under way. */
  get calls(): readonly number[] {
    return this.#call === undefined || !isAlive(this.#call.pid) ? [] : [this.#call.pid];
  }

  /** Works until the moment `end` of performance.now(). */
  async run(end: number): Promise<void> {
    while (performance.now() < end) {
      await this.#session(scriptOf(this.#seed, this.#number, ++this.#sessions), end);
    }
  }

  /** When all trouble is over, a mailbox opens again, and takes and gives a message of 50 MB. */
  async conclude(): Promise<void> {
    const limit = performance.now() + FORGOTTEN;
    while (!(await this.#session(LARGEST, Number.POSITIVE_INFINITY))) {
      if (performance.now() > limit) return this.#tally.find("hung", "no session after all trouble was over");
    }
  }

  /** Compares what is in the folder with what must be. */
  verify(): void {
    this.#ledger.verify(this.#scene.folder(this.#folder));
  }

  /** Whether it was one from its start to LOGOUT. */
  async #session(script: Script, end: number): Promise<boolean> {
    const form = this.#scene.forms[script.form] ?? this.#scene.form;
    const began = performance.now();
    const { env } = this.#scene.home;
    const words = [...form.argv, "mail.test", this.#scene.sshd.user, "imap"];
    await using call = await startCall(words, { env, stdio: script.stdio, collect: false });
    this.#call = call;
    this.#tally.add("sessions");
    const imap = new Imap(call);
    let isComplete = false;
    let doing = GREETED;
    const tell = (step: string): void => {
      doing = step;
    };
    try {
      isComplete = await this.#greeted(imap, began);
      if (isComplete) await this.#follow(script, imap, end, tell);
    } catch (error) {
      isComplete = false;
      await this.#judge(error, doing, imap, began);
    }
    this.#tally.add("bytes up", imap.sent);
    this.#tally.add("bytes down", imap.received);
    this.#call = undefined;
    return isComplete;
  }

  /** Whether there is a mailbox: a refusal must have a reason, and say so to the client. */
  async #greeted(imap: Imap, began: number): Promise<boolean> {
    const greeting = await imap.line(GREETING);
    const troubles = this.#troubles.between(began - REMEMBERED, performance.now());
    if (NO_TABLE.test(greeting)) {
      this.#tally.add("sessions told that there is no table");
      if (!troubles.includes("table away"))
        this.#tally.find("wrong", `no table, and it was there: ${greeting}`);
      await imap.finish(LEAVING);
      return false;
    }
    if (!REFUSAL.test(greeting)) {
      if (!/^\* PREAUTH \[CAPABILITY [^\r\n]*\r\n$/.test(greeting))
        throw new Wrong(`greeted with ${greeting}`);
      return true;
    }
    this.#tally.add("sessions refused");
    const reason = await imap.command("NOOP").then(({ untagged, last }) => `${untagged[0]?.text}${last}`);
    if (troubles.length === 0) this.#tally.find("wrong", `refused without a reason: ${reason}`);
    if (!reason.startsWith("* BYE preauth: ")) this.#tally.find("wrong", `refused without BYE: ${reason}`);
    await imap.finish(LEAVING);
    return false;
  }

  async #follow(script: Script, imap: Imap, end: number, tell: (step: string) => void): Promise<void> {
    if (script.isCompressed) {
      tell("COMPRESS");
      await imap.compress();
      this.#tally.add("sessions with COMPRESS");
    }
    tell("SELECT");
    await imap.command(`CREATE ${this.#folder}`);
    await imap.ok(`SELECT ${this.#folder}`);
    for (const step of script.steps) {
      if (performance.now() > end) break;
      tell(step.kind);
      this.#tally.add("commands");
      await this.#do(step, imap);
    }
    tell("LOGOUT");
    await imap.ok("LOGOUT");
    if (!imap.hasSaidBye) throw new Wrong("LOGOUT without BYE");
    this.#tally.add("sessions complete");
    const ended = await imap.finish(LEAVING);
    if (ended === undefined) throw new Silent("the call did not end");
    // A call may be killed, or its connection lost, when all has been said.
    if (ended.status !== 0) throw new Lost(`ended with ${ended.status} after LOGOUT`);
  }

  async #do(step: Step, imap: Imap): Promise<void> {
    if (step.kind === "append") await this.#append(step.size, step.waits, imap);
    else if (step.kind === "fetch") await this.#fetch(step.which, imap);
    else if (step.kind === "fetch all") await this.#fetchAll(imap);
    else if (step.kind === "expunge") await this.#expunge(imap);
    else if (step.kind === "search") await imap.ok("SEARCH ALL");
    else if (step.kind === "noop") await imap.ok("NOOP");
    else if (step.kind === "idle") await imap.idle(step.ms);
    else if (step.kind === "pipeline") await imap.pipeline(step.count);
    else await new Promise((resolve) => setTimeout(resolve, step.ms));
  }

  async #append(size: number, waits: boolean, imap: Imap): Promise<void> {
    const id = `${this.#number}-${++this.#messages}`;
    const bytes = messageOf(new Random(this.#seed, "message", id), id, size);
    this.#ledger.send(id, sumOf(bytes));
    const words = `APPEND ${this.#folder} {${bytes.length}${waits ? "" : "+"}}`;
    const { last } = await imap.ok(words, { bytes, waits });
    const [, uid] = /APPENDUID \d+ (\d+)/.exec(last) ?? [];
    this.#ledger.confirm(id, Number(uid));
    if (size >= HUGE) this.#tally.add("messages of 50 MB appended");
  }

  async #fetch(which: number, imap: Imap): Promise<void> {
    const { uids } = this.#ledger;
    const uid = uids[which % Math.max(1, uids.length)];
    if (uid === undefined) return;
    const seen = this.#compared(await imap.ok(`UID FETCH ${uid} (UID BODY.PEEK[])`));
    if (!seen.has(uid)) throw new Wrong(`UID FETCH ${uid} gave ${[...seen].join()}`);
  }

  async #fetchAll(imap: Imap): Promise<void> {
    const seen = this.#compared(await imap.ok("UID FETCH 1:* (UID BODY.PEEK[])"));
    for (const uid of this.#ledger.uids) if (!seen.has(uid)) throw new Wrong(`UID ${uid} is missing`);
  }

  /** Compares what was fetched, and gives the UIDs. */
  #compared({ untagged }: Answer): ReadonlySet<number> {
    const seen = new Set<number>();
    for (const { text, literal } of untagged) {
      if (literal === undefined) continue;
      const uid = Number(/UID (\d+)/.exec(text)?.[1]);
      this.#ledger.compare(uid, literal);
      seen.add(uid);
    }
    return seen;
  }

  async #expunge(imap: Imap): Promise<void> {
    const { uids } = this.#ledger;
    for (const uid of uids.slice(0, Math.floor(uids.length / 3))) {
      this.#ledger.expunge(uid);
      await imap.ok(`UID STORE ${uid} +FLAGS.SILENT (\\Deleted)`);
    }
    await imap.ok("EXPUNGE");
  }

  /** A session that was cut must have a reason, and must not look like one that has ended well. */
  async #judge(error: unknown, doing: string, imap: Imap, began: number): Promise<void> {
    const message = error instanceof Error ? error.message : String(error);
    // What has failed is remembered for a while, and the next calls fail at once; without a greeting on a pipe of their own.
    const from = doing === GREETED ? began - REMEMBERED : began;
    const troubles = this.#troubles.between(from, performance.now());
    // Who hangs up himself is not told how it would have ended.
    const alone = await imap.ended(PROMPT);
    const ended = alone ?? (await imap.finish(LEAVING));
    const end = [`status ${ended?.status}`, imap.remarks.trim()].filter((part) => part !== "").join(", ");
    const what = `${this.#folder}: ${doing}: ${message}; ${end}; ${troubles.join(", ") || "nothing was done to it"}`;
    if (error instanceof Silent) this.#tally.find("hung", what);
    else if (!(error instanceof Lost)) this.#tally.find("wrong", what);
    else if (troubles.length === 0) this.#tally.find("wrong", `cut off: ${what}`);
    else if (ended === undefined) this.#tally.find("hung", `after its output: ${what}`);
    else if (alone?.status === 0 && !imap.hasSaidBye) this.#tally.find("wrong", `ended with 0: ${what}`);
    this.#tally.add("sessions cut off");
  }
}
