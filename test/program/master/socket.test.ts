import assert from "node:assert/strict";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { after, before, it } from "node:test";
import fc from "fast-check";
import { dataFrame, endFrame, FrameReader, messageFrame } from "../../../src/control/frames.ts";
import { describeForms, type Form } from "../../peers/binaries.ts";
import { type Call, startCall } from "../../peers/call.ts";
import { type Mailbox, makeMailbox } from "../../peers/dovecot.ts";
import { type Home, makeHome, tableFor } from "../../peers/home.ts";
import { gone, isAlive, signal } from "../../peers/processes.ts";
import { type Sshd, startSshd } from "../../peers/sshd.ts";
import { poll, within } from "../../peers/waiting.ts";
import { decisionWith, tabled } from "../../unit/master/decisions.ts";

const STATUS = messageFrame({ type: "status" });

/** A session of a server that is not there: the connection to it is refused at once. */
const SESSION = {
  type: "session",
  decision: decisionWith({
    destination: tabled("127.0.0.1"),
    port: tabled(1),
    sshConfig: tabled("none"),
    deadline: tabled(2_000),
  }),
  env: { PATH: "/usr/bin:/bin" },
  home: "/nonexistent",
  elapsed: 0,
};

/** A master with a mailbox open, which must not be hurt by what others do at its socket. */
class Scene implements AsyncDisposable {
  readonly home: Home;
  readonly sshd: Sshd;
  readonly mailbox: Mailbox;
  readonly call: Call;
  readonly pid: number;
  readonly path: string;
  #tag = 0;

  private constructor(home: Home, sshd: Sshd, mailbox: Mailbox, call: Call, pid: number, path: string) {
    this.home = home;
    this.sshd = sshd;
    this.mailbox = mailbox;
    this.call = call;
    this.pid = pid;
    this.path = path;
  }

  static async make(form: Form): Promise<Scene> {
    const home = makeHome();
    const sshd = await startSshd();
    const mailbox = makeMailbox();
    home.writeTable(
      tableFor(sshd, { share: true, "commands.imap": mailbox.command, "commands.stall": "exec sleep 600" }),
    );
    const call = await startCall([...form.argv, "mail.test", sshd.user, "imap"], { env: home.env });
    await call.readUntil(/^\* PREAUTH.*\r\n/);
    const listening = /\[(\d+)\] master: listening at (.*)\n/;
    const [, pid, path] = await poll(
      () => listening.exec(home.log()) ?? undefined,
      "a master",
      () => home.log(),
    );
    return new Scene(home, sshd, mailbox, call, Number(pid), path ?? "");
  }

  /** The open mailbox still answers, and the master is the same. */
  async unhurt(): Promise<void> {
    const tag = `n${this.#tag++}`;
    this.call.write(`${tag} NOOP\r\n`);
    await this.call.readUntil(new RegExp(`^${tag} OK`, "m"));
    assert.equal(isAlive(this.pid), true);
  }

  get descriptors(): number {
    return readdirSync(`/proc/${this.pid}/fd`).length;
  }

  /** Resident memory in KiB. */
  get memory(): number {
    const [, size] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${this.pid}/status`, "utf8")) ?? [];
    return Number(size);
  }

  /** Waits until it has so many descriptors open, at least. */
  async accepted(least: number): Promise<void> {
    await poll(
      () => this.descriptors >= least,
      `${least} descriptors`,
      () => String(this.descriptors),
    );
  }

  /** Waits until it has no more descriptors open than it had. */
  async letGo(before: number): Promise<void> {
    await poll(
      () => this.descriptors <= before,
      `${before} descriptors`,
      () => String(this.descriptors),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.call[Symbol.asyncDispose]();
    signal(this.pid, "SIGTERM");
    await gone(this.pid);
    this.home[Symbol.dispose]();
    this.mailbox[Symbol.dispose]();
    await this.sshd[Symbol.asyncDispose]();
  }
}

/** A connection to the control socket, and the messages that came on it. */
class Stranger {
  readonly socket: Socket;
  readonly replies: { readonly type: string; readonly failure?: { readonly trouble: string } }[] = [];
  readonly closed: Promise<unknown>;

  constructor(path: string) {
    this.socket = connect(path);
    this.socket.on("error", () => {});
    this.closed = new Promise((resolve) => this.socket.once("close", resolve));
    const reader = new FrameReader({
      message: (value) => void this.replies.push(value as (typeof this.replies)[number]),
      data: () => {},
      end: () => {},
    });
    this.socket.on("data", (chunk: Buffer) => reader.take(chunk));
  }

  send(bytes: Uint8Array): this {
    this.socket.write(bytes);
    return this;
  }

  /** Waits until the master has closed. */
  async answered(): Promise<typeof this.replies> {
    await within(this.closed, "the master to close", () => JSON.stringify(this.replies));
    return this.replies;
  }

  /** Goes away, as a caller does that has died. */
  leave(): void {
    this.socket.destroy();
  }
}

/** The types of what is answered to these bytes. */
async function answerTo(scene: Scene, bytes: Uint8Array): Promise<string[]> {
  const replies = await new Stranger(scene.path).send(bytes).answered();
  return replies.map(({ type, failure }) => (failure === undefined ? type : `${type} ${failure.trouble}`));
}

describeForms("the control socket", (form) => {
  let scene: Scene;
  before(async () => {
    scene = await Scene.make(form);
  });
  after(() => scene[Symbol.asyncDispose]());

  it("takes arbitrary bytes", async () => {
    const streams = fc.sample(fc.uint8Array({ minLength: 1, maxLength: 2_000 }), 150);
    const strangers = streams.map((bytes) => new Stranger(scene.path).send(bytes));
    await scene.unhurt();
    for (const stranger of strangers) stranger.socket.end();
    await Promise.all(strangers.map((stranger) => stranger.answered()));
    await scene.unhurt();
  });

  it("takes pieces of frames and of requests, cut off anywhere", async () => {
    const whole = Buffer.concat([messageFrame(SESSION), dataFrame(Buffer.from("a1 NOOP\r\n")), endFrame()]);
    const cuts = fc.sample(fc.nat({ max: whole.length }), 50);
    const strangers = cuts.map((cut) => new Stranger(scene.path).send(whole.subarray(0, cut)));
    await scene.unhurt();
    for (const stranger of strangers) stranger.leave();
    await scene.unhurt();
  });

  it("answers what is no request with a failure that makes a caller go on without", async () => {
    const session = (key: string, value: unknown) => ({ ...SESSION, [key]: value });
    const decision = (key: string, value: unknown) =>
      session("decision", { ...SESSION.decision, [key]: value });
    const strange: readonly unknown[] = [
      ...[null, 1, "status", [], {}, { type: null }, { type: "constructor" }, { type: "__proto__" }],
      ...[
        { type: "greet" },
        { type: "stop" },
        { type: "stop", now: 1 },
        { type: "session" },
        { type: "answer" },
      ],
      ...[session("env", null), session("env", { A: 1 }), session("decision", null), session("elapsed", "0")],
      ...[decision("destination", undefined), decision("forwards", {}), decision("deadline", { value: "x" })],
    ];
    for (const request of strange) {
      assert.deepEqual(
        await answerTo(scene, messageFrame(request)),
        ["failure bug"],
        JSON.stringify(request),
      );
    }
    await scene.unhurt();
  });

  it("answers requests with arbitrary JSON anywhere in them", async () => {
    const keys = fc.constantFrom(...Object.keys(SESSION).slice(1), ...Object.keys(SESSION.decision));
    const requests = fc
      .sample(fc.tuple(keys, fc.jsonValue()), 100)
      .map(([key, value]) =>
        key in SESSION
          ? { ...SESSION, [key]: value }
          : { ...SESSION, decision: { ...SESSION.decision, [key]: value } },
      );
    const answers = await Promise.all(requests.map((request) => answerTo(scene, messageFrame(request))));
    for (const [index, answer] of answers.entries()) {
      assert.match(
        answer.at(-1) ?? "",
        /^failure (bug|network|deadline|table)$/,
        JSON.stringify(requests[index]),
      );
    }
    await scene.unhurt();
  });

  it("answers a request once, and stops listening at nonsense", async () => {
    assert.deepEqual(
      await answerTo(scene, Buffer.concat([STATUS, STATUS, STATUS])),
      ["status", "failure bug"].slice(0, 1),
    );
    assert.deepEqual(await answerTo(scene, Buffer.concat([Buffer.alloc(5), STATUS])), ["failure bug"]);
    await scene.unhurt();
  });

  it("takes data and ends that come before the request, and answers that nobody asked for", async () => {
    const early = Buffer.concat([
      dataFrame(Buffer.alloc(100_000)),
      endFrame(),
      dataFrame(Buffer.alloc(0)),
      STATUS,
    ]);
    assert.deepEqual(await answerTo(scene, early), ["status"]);
    const answers = Array.from({ length: 100 }, () => messageFrame({ type: "answer", text: "yes" }));
    const replies = await answerTo(scene, Buffer.concat([messageFrame(SESSION), ...answers]));
    assert.deepEqual(replies, ["here", "failure network"]);
    await scene.unhurt();
  });

  it("takes a thousand connections that say nothing, and as many that promise a long message", async () => {
    await scene.unhurt();
    const { descriptors, memory } = scene;
    for (const bytes of [
      Buffer.alloc(0),
      Buffer.from([1, 0, 0x10, 0, 0]),
      Buffer.from([2, 0xff, 0xff, 0xff, 0xff]),
    ]) {
      const strangers: Stranger[] = [];
      // No more at once than may wait to be accepted.
      while (strangers.length < 1_000) {
        const some = Array.from({ length: 20 }, () => new Stranger(scene.path));
        await Promise.all(some.map(({ socket }) => within(once(socket, "connect"), "a connection")));
        strangers.push(...some);
        // The runtime accepts one in each of its turns: until then they are in the queue, which has an end.
        await scene.accepted(descriptors + strangers.length);
        await scene.unhurt();
      }
      if (bytes.length > 0) for (const stranger of strangers) stranger.send(bytes);
      await scene.unhurt();
      // 1 MiB for each would show.
      assert.equal(scene.memory < memory + 150 * 1024, true, `${memory} KiB, ${scene.memory} KiB`);
      for (const stranger of strangers) stranger.leave();
      await scene.letGo(descriptors);
    }
    await scene.unhurt();
  });

  it("loses a caller that is killed while the server does not take what it says", async () => {
    const { descriptors } = scene;
    const words = [...form.argv, "mail.test", scene.sshd.user, "stall"];
    await using call = await startCall(words, { env: scene.home.env });
    call.write(Buffer.alloc(16 * 1024 * 1024));
    let before = 0;
    let times = 0;
    await poll(() => {
      const isSame = call.stdin.writableLength === before && /stall: open after/.test(scene.home.log());
      times = isSame ? times + 1 : 0;
      before = call.stdin.writableLength;
      return times === 25;
    }, "an upload that is held back");
    assert.equal(before > 0, true);
    call.signal("SIGKILL");
    await scene.letGo(descriptors);
    await scene.unhurt();
  });

  it("leaves nothing in the log but whole lines without control characters, and no stack", async () => {
    const nasty = { ...SESSION, decision: { ...SESSION.decision, server: "\x1b[2J\r\nmail\x07" } };
    assert.deepEqual(await answerTo(scene, messageFrame(nasty)), ["here", "failure network"]);
    await scene.unhurt();
    const log = scene.home.log();
    assert.equal(/[\x00-\x09\x0b-\x1f\x7f]/.test(log), false);
    assert.doesNotMatch(log, /internal error|TypeError| at .*\.[jt]s:/);
    for (const line of log.trimEnd().split("\n")) assert.match(line, /^\d{4}-\d\d-\d\dT[\d:.]+Z \[\d+\] /);
  });
});
