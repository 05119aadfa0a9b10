import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it, mock } from "node:test";
import { SpareKeeper } from "../../../src/master/spare.ts";
import type { Placed } from "../../../src/master/spare_command.ts";
import { Progress } from "../../../src/progress.ts";
import type { OpeningOptions } from "../../../src/session/opening.ts";
import { decisionWith, tabled } from "./decisions.ts";
import { ALIVE, Mailbox, placed, settled } from "./mailboxes.ts";

const WITH = decisionWith({ spare: tabled(1) });
const MINUTE = 60_000;

/** Spare mailboxes of a server that does what the test says. */
class Scene {
  readonly notes: string[] = [];
  readonly opened: Mailbox[] = [];
  readonly remarks: string[] = [];
  liveness: object = ALIVE;
  /** What the next attempt to open one comes to; undefined: a mailbox. */
  failure: Error | undefined;
  /** Whether attempts wait until they are aborted. */
  isStuck = false;
  attempts = 0;
  readonly keeper = new SpareKeeper(
    (line) => this.notes.push(line),
    (_decision, _options, signal) => this.#open(signal),
    () => {},
  );
  readonly options = {
    world: { elapsed: () => 0 },
    progress: new Progress(),
    broken: new AbortController().signal,
    purpose: "shared",
    note: () => {},
    onRemark: (line: string) => this.remarks.push(line),
  } as unknown as OpeningOptions;

  async #open(signal: AbortSignal): Promise<Placed> {
    this.attempts++;
    if (this.isStuck)
      await new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    if (this.failure !== undefined) throw this.failure;
    const mailbox = new Mailbox();
    mailbox.stdout.pause();
    this.opened.push(mailbox);
    return placed(mailbox, this.liveness);
  }

  async want(decision = WITH): Promise<void> {
    this.keeper.want(decision, this.options);
    await settled();
  }

  take(decision = WITH): Placed | undefined {
    return this.keeper.take(decision, this.options, () => Promise.reject(new Error("no other one")));
  }

  async pass(ms: number): Promise<void> {
    mock.timers.tick(ms);
    await settled();
  }
}

describe("spare mailboxes", () => {
  let scene: Scene;
  beforeEach(() => {
    mock.timers.enable({ apis: ["setTimeout"] });
    scene = new Scene();
  });
  afterEach(() => {
    scene.keeper.close();
    mock.timers.reset();
  });

  it("are opened where the table wants one, one for each command, and for METHOD imap only", async () => {
    await scene.want(decisionWith());
    await scene.want(decisionWith({ spare: tabled(1), method: "smtp" }));
    assert.equal(scene.attempts, 0);
    await scene.want();
    await scene.want();
    assert.equal(scene.attempts, 1);
    const other = decisionWith({ spare: tabled(1), command: tabled({ kind: "auto" }) });
    await scene.want({ ...other, server: "other.test" });
    assert.equal(scene.keeper.count, 2);
    assert.equal(scene.take(decisionWith({ method: "smtp" })), undefined);
    assert.equal(scene.take({ ...other, server: "other.test" })?.remote !== undefined, true);
    assert.equal(scene.keeper.count, 1);
  });

  it("go when the table has another command for their SERVER by now, or wants none any more", async () => {
    for (const now of [{ spare: tabled(1 as const), command: tabled({ kind: "auto" as const }) }, {}]) {
      await scene.want();
      assert.equal(scene.keeper.count, 1);
      assert.equal(scene.take(decisionWith({ server: "Mail.Test", ...now })), undefined);
      assert.equal(scene.opened.at(-1)?.isLeft, true);
      assert.equal(scene.keeper.count, 0);
      await scene.pass(60 * MINUTE);
      assert.equal(scene.keeper.count, 0);
    }
  });

  it("stay as long as another SERVER has their command", async () => {
    await scene.want();
    await scene.want(decisionWith({ spare: tabled(1), server: "other.test" }));
    assert.equal(scene.take(decisionWith()), undefined);
    assert.equal(scene.keeper.count, 1);
    assert.notEqual(scene.take(decisionWith({ spare: tabled(1), server: "other.test" })), undefined);
  });

  it("are handed out once, with what they have said and what they will", async () => {
    await scene.want();
    const taken = scene.take();
    assert.equal(taken?.first[0]?.toString(), "* PREAUTH hello\r\n");
    assert.equal(scene.take(), undefined);
    const said: string[] = [];
    taken?.remote.stdout.on("data", (chunk: Buffer) => said.push(chunk.toString()));
    scene.opened[0]?.say("* OK\r\n");
    await settled();
    assert.deepEqual(said, ["* OK\r\n"]);
  });

  it("are left alone when they have been handed out", async () => {
    await scene.want();
    scene.take();
    await scene.want();
    await scene.pass(20 * MINUTE);
    scene.keeper.close();
    assert.equal(scene.opened[0]?.isLeft, false);
    assert.deepEqual(
      scene.opened.slice(1).map(({ isLeft }) => isLeft),
      [true, true],
    );
  });

  it("are not handed out over a connection that cannot be relied upon", async () => {
    scene.liveness = { ...ALIVE, isFresh: false };
    await scene.want();
    assert.equal(scene.take(), undefined);
    assert.equal(scene.keeper.count, 1);
  });

  it("are replaced a second after they have ended", async () => {
    await scene.want();
    scene.opened[0]?.end();
    await settled();
    assert.equal(scene.take(), undefined);
    assert.equal(scene.keeper.count, 0);
    await scene.pass(999);
    assert.equal(scene.attempts, 1);
    await scene.pass(1);
    assert.equal(scene.keeper.count, 1);
  });

  it("are given up when they say anything, which can only be their farewell", async () => {
    await scene.want();
    scene.opened[0]?.say("* BYE Logged out for inactivity.\r\n");
    await settled();
    assert.equal(scene.take(), undefined);
    assert.equal(scene.opened[0]?.isLeft, true);
    await scene.pass(1_000);
    assert.equal(scene.keeper.count, 1);
  });

  it("are renewed before an imapd logs them out", async () => {
    await scene.want();
    await scene.pass(20 * MINUTE);
    assert.equal(scene.opened.length, 2);
    assert.equal(scene.opened[0]?.isLeft, true);
    assert.equal(scene.keeper.count, 1);
    await scene.pass(20 * MINUTE);
    assert.equal(scene.opened.length, 3);
  });

  it("are tried for again after pauses that double up to five minutes", async () => {
    scene.failure = new Error("no session");
    await scene.want();
    for (const pause of [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]) {
      const { attempts } = scene;
      await scene.pass(pause * 1_000 - 1);
      assert.equal(scene.attempts, attempts, `${pause} s`);
      await scene.pass(1);
      assert.equal(scene.attempts, attempts + 1, `${pause} s`);
    }
    assert.equal(scene.notes[0], "mail.test: spare: no session");
  });

  it("that end as soon as they have greeted are tried for ever more seldom as well", async () => {
    await scene.want();
    for (const pause of [1, 2, 4, 8]) {
      scene.opened.at(-1)?.end();
      await settled();
      await scene.pass(pause * 1_000 - 1);
      assert.equal(scene.keeper.count, 0, `${pause} s`);
      await scene.pass(1);
      assert.equal(scene.keeper.count, 1, `${pause} s`);
    }
  });

  it("make up for failures when they are handed out", async () => {
    scene.failure = new Error("no session");
    await scene.want();
    await scene.pass(1_000);
    scene.failure = undefined;
    await scene.pass(2_000);
    scene.take();
    await scene.want();
    scene.opened.at(-1)?.end();
    await settled();
    await scene.pass(1_000);
    assert.equal(scene.keeper.count, 1);
  });

  it("have a deadline of their own", async () => {
    scene.isStuck = true;
    await scene.want();
    await scene.pass(10_000);
    assert.match(scene.notes.join("\n"), /^mail\.test: spare: mail\.test: timed out starting after 10 s$/);
  });

  it("are given up when all is over, also one that is being opened", async () => {
    await scene.want();
    scene.isStuck = true;
    await scene.want(decisionWith({ spare: tabled(1), command: tabled({ kind: "auto" }) }));
    scene.keeper.close();
    await settled();
    assert.equal(scene.opened[0]?.isLeft, true);
    await scene.pass(60 * MINUTE);
    assert.equal(scene.attempts, 2);
    assert.deepEqual(scene.notes, []);
  });

  it("that come when all is over are hung up", async () => {
    scene.keeper.want(WITH, scene.options);
    scene.keeper.close();
    await settled();
    assert.deepEqual(
      scene.opened.map(({ isLeft }) => isLeft),
      [true],
    );
  });
});
