import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { SpareCommand } from "../../../src/master/spare_command.ts";
import { Received } from "../../peers/received.ts";
import { Mailbox, placed, settled } from "./mailboxes.ts";

/** A spare mailbox that has been handed out, and the one that may take its place. */
class Scene {
  readonly spare = new Mailbox();
  readonly other = new Mailbox();
  /** How often another one was wanted. */
  wanted = 0;
  /** Lets the other one come, or fail. */
  come: (behind?: string) => void = () => {};
  fail: (error: Error) => void = () => {};
  /** The connection turns out to be silent. */
  fallSilent: () => void = () => {};
  readonly command: SpareCommand;
  readonly seen: Received;

  constructor() {
    const silentFor = (_ms: number, over: AbortSignal): Promise<boolean> =>
      new Promise((resolve) => {
        this.fallSilent = () => resolve(true);
        over.addEventListener("abort", () => resolve(false));
      });
    const again = () => {
      this.wanted++;
      return new Promise<ReturnType<typeof placed>>((resolve, reject) => {
        this.come = (behind = "") => {
          const first = [Buffer.from("* PREAUTH again\r\n"), Buffer.from(behind)];
          resolve({ ...placed(this.other), first });
        };
        this.fail = reject;
      });
    };
    this.spare.stdout.pause();
    this.command = new SpareCommand(placed(this.spare), { silentFor }, again);
    this.seen = new Received(this.command.stdout, "what the client saw");
  }
}

describe("a spare mailbox that was handed out", () => {
  it("is a mailbox like any other, both ways and to its end", async () => {
    const scene = new Scene();
    scene.command.stdin.write("a1 NOOP\r\n");
    await scene.spare.heard.until(/^a1 NOOP\r\n$/);
    scene.spare.say("a1 OK\r\n");
    await scene.seen.until(/^a1 OK\r\n$/);
    scene.command.stdin.end("a2 LOGOUT\r\n");
    await scene.spare.heard.ended();
    scene.spare.say("* BYE\r\n");
    scene.spare.end({ kind: "status", status: 3 });
    assert.deepEqual(await scene.command.ended, { kind: "status", status: 3 });
    assert.equal((await scene.seen.ended()).toString(), "a1 OK\r\n* BYE\r\n");
    assert.equal(scene.wanted, 0);
  });

  it("that ends before its first answer is replaced, and the other one is told the same", async () => {
    const scene = new Scene();
    scene.command.stdin.write("a1 SELECT");
    scene.command.stdin.write(" INBOX\r\n");
    await scene.spare.heard.until(/INBOX/);
    scene.spare.end();
    await settled();
    assert.equal(scene.wanted, 1);
    scene.come("* 3 EXISTS\r\n");
    await scene.other.heard.until(/^a1 SELECT INBOX\r\n$/);
    scene.other.say("a1 OK\r\n");
    // Its greeting is dropped, and not what came behind it.
    await scene.seen.until(/^\* 3 EXISTS\r\na1 OK\r\n$/);
    scene.command.stdin.write("a2 NOOP\r\n");
    await scene.other.heard.until(/^a1 SELECT INBOX\r\na2 NOOP\r\n$/);
    scene.other.end({ kind: "status", status: 0 });
    assert.deepEqual(await scene.command.ended, { kind: "status", status: 0 });
    assert.equal(scene.wanted, 1);
  });

  it("that ends before the client has said a word is replaced", async () => {
    const scene = new Scene();
    scene.spare.end();
    await settled();
    scene.come();
    await settled();
    scene.command.stdin.write("a1 NOOP\r\n");
    await scene.other.heard.until(/^a1 NOOP\r\n$/);
  });

  it("that does not answer on a silent connection is replaced, and what it says late is dropped", async () => {
    const scene = new Scene();
    scene.command.stdin.write("a1 NOOP\r\n");
    await scene.spare.heard.until(/NOOP/);
    scene.fallSilent();
    await settled();
    assert.equal(scene.wanted, 1);
    scene.spare.say("a1 OK late\r\n");
    await settled();
    scene.come();
    await scene.other.heard.until(/^a1 NOOP\r\n$/);
    assert.equal(scene.spare.isLeft, true);
    scene.other.say("a1 OK\r\n");
    await scene.seen.until(/^a1 OK\r\n$/);
  });

  it("that ends while it is being replaced ends nothing", async () => {
    const scene = new Scene();
    scene.command.stdin.write("a1 NOOP\r\n");
    await scene.spare.heard.until(/NOOP/);
    scene.fallSilent();
    await settled();
    scene.spare.end({ kind: "lost", why: "gone" });
    await settled();
    assert.equal(scene.seen.over, false);
    scene.come();
    await scene.other.heard.until(/^a1 NOOP\r\n$/);
    scene.other.say("a1 OK\r\n");
    await scene.seen.until(/^a1 OK\r\n$/);
  });

  it("that has answered is not replaced when it ends", async () => {
    const scene = new Scene();
    scene.command.stdin.write("a1 NOOP\r\n");
    await scene.spare.heard.until(/NOOP/);
    scene.spare.say("a1 OK\r\n");
    await scene.seen.until(/OK/);
    scene.spare.end({ kind: "signal", signal: "SIGKILL" });
    assert.deepEqual(await scene.command.ended, { kind: "signal", signal: "SIGKILL" });
    assert.equal(scene.wanted, 0);
  });

  it("passes the end of the client's input on to the one that takes its place", async () => {
    const scene = new Scene();
    scene.spare.end();
    await settled();
    scene.command.stdin.end("a1 LOGOUT\r\n");
    await settled();
    scene.come();
    assert.equal((await scene.other.heard.ended()).toString(), "a1 LOGOUT\r\n");
  });

  it("loses no byte of a client that says much while it is replaced, and holds it back", async () => {
    const scene = new Scene();
    scene.spare.end();
    await settled();
    const block = Buffer.alloc(100_000, "x");
    let taken = 0;
    for (let count = 0; count < 10; count++) scene.command.stdin.write(block, () => taken++);
    await settled();
    assert.equal(taken, 0);
    scene.come();
    scene.command.stdin.end();
    assert.equal((await scene.other.heard.ended()).length, 1_000_000);
    assert.equal(taken, 10);
  });

  it("is not kept for more than 64 KiB of a client that gets no answer", async () => {
    const scene = new Scene();
    scene.command.stdin.write(Buffer.alloc(70_000));
    await settled();
    scene.spare.end({ kind: "lost", why: "gone" });
    assert.deepEqual(await scene.command.ended, { kind: "lost", why: "gone" });
    assert.equal(scene.wanted, 0);
  });

  it("ends as lost, with the reason, when no other one is to be had", async () => {
    const scene = new Scene();
    scene.command.stdin.write("a1 NOOP\r\n");
    scene.spare.end();
    await settled();
    scene.fail(new Error("out of time"));
    assert.deepEqual(await scene.command.ended, { kind: "lost", why: "out of time" });
    assert.equal((await scene.seen.ended()).length, 0);
  });

  it("is hung up", async () => {
    const scene = new Scene();
    scene.command.hangUp();
    assert.equal(scene.spare.isLeft, true);
    assert.deepEqual(await scene.command.ended, { kind: "lost", why: "hung up" });
    assert.equal(scene.wanted, 0);
  });

  it("is hung up while it is replaced, and so is the one that comes too late", async () => {
    const scene = new Scene();
    scene.spare.end();
    await settled();
    scene.command.hangUp();
    assert.deepEqual(await scene.command.ended, { kind: "lost", why: "hung up" });
    scene.come("* 3 EXISTS\r\n");
    await settled();
    assert.equal(scene.other.isLeft, true);
    assert.equal((await scene.seen.ended()).length, 0);
  });

  it("is hung up after it was replaced", async () => {
    const scene = new Scene();
    scene.spare.end();
    await settled();
    scene.come();
    await settled();
    scene.command.hangUp();
    assert.equal(scene.other.isLeft, true);
    assert.deepEqual(await scene.command.ended, { kind: "lost", why: "hung up" });
  });

  it("is read no faster than the client takes it", async () => {
    const scene = new Scene();
    scene.command.stdout.removeAllListeners("data");
    scene.command.stdout.pause();
    for (let count = 0; count < 100; count++) scene.spare.say("x".repeat(10_000));
    await settled();
    assert.equal(
      scene.command.stdout.readableLength < 200_000,
      true,
      `${scene.command.stdout.readableLength}`,
    );
    let got = 0;
    scene.command.stdout.on("data", (chunk: Buffer) => {
      got += chunk.length;
    });
    scene.command.stdout.resume();
    scene.spare.end();
    await scene.command.ended;
    await settled();
    assert.equal(got, 1_000_000);
  });
});
