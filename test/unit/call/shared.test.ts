import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { connectWire } from "../../../bin/sockets.ts";
import type { Caller } from "../../../src/call/caller.ts";
import type { Session } from "../../../src/call/session.ts";
import { openShared } from "../../../src/call/shared.ts";
import { dataFrame, endFrame, messageFrame } from "../../../src/control/frames.ts";
import { Failure, partsOf } from "../../../src/failure.ts";
import { type Home, makeHome } from "../../peers/home.ts";
import { Received } from "../../peers/received.ts";
import { decisionWith, tabled } from "../master/decisions.ts";

const HERE = messageFrame({ type: "here" });

/** A caller, and a program at the control socket that is not our master, or a strange one. */
class Scene {
  readonly home: Home = makeHome();
  readonly notes: string[] = [];
  /** How often a master was started. */
  starts = 0;
  readonly hangup = new AbortController();
  connections = 0;
  readonly #began = performance.now();
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;

  get elapsed(): number {
    return performance.now() - this.#began;
  }

  /** Has `serve` answer whoever connects. */
  async listen(serve: (socket: Socket) => void): Promise<void> {
    const directory = join(this.home.path, "run/preauth");
    mkdirSync(directory, { mode: 0o700 });
    const server = createServer((socket) => {
      this.connections++;
      this.#sockets.add(socket.on("error", () => {}));
      serve(socket);
    });
    this.#server = server.listen(join(directory, "master-1.1"));
    await once(server, "listening");
  }

  /** Says this to each request. */
  answer(...frames: readonly Uint8Array[]): Promise<void> {
    return this.listen((socket) => void socket.once("data", () => socket.write(Buffer.concat(frames))));
  }

  open(deadline = 3_000): Promise<Session | undefined> {
    const world = {
      env: this.home.env,
      home: this.home.path,
      uid: process.getuid?.() ?? -1,
      pid: process.pid,
      elapsed: () => this.elapsed,
      connect: connectWire,
      background: {
        start: async () => {
          this.starts++;
          return "";
        },
      },
    };
    const caller = {
      world,
      server: "mail.test",
      method: "imap",
      note: (line: string) => this.notes.push(line),
      broken: this.hangup.signal,
      remark: () => {},
    };
    return openShared(caller as unknown as Caller, decisionWith({ deadline: tabled(deadline) }));
  }

  /** The session is to be opened without a master, and that was clear in little more than a second. */
  async withoutMaster(): Promise<void> {
    assert.equal(await this.open(), undefined);
    assert.equal(this.elapsed < 2_500, true, `${this.elapsed} ms`);
    assert.match(this.notes.join("\n"), /^master: .*: the call connects by itself$/m);
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server?.close();
    this.home[Symbol.dispose]();
  }
}

describe("a session of the master's", () => {
  let scene: Scene;
  beforeEach(() => {
    scene = new Scene();
  });
  afterEach(() => scene.close());

  it("is done without when no master can be started", async () => {
    await scene.withoutMaster();
    assert.equal(scene.starts > 0, true);
  });

  it("is done without when the master does not answer", async () => {
    await scene.listen(() => {});
    await scene.withoutMaster();
    assert.equal(scene.elapsed >= 990, true);
    assert.equal(scene.starts, 0);
  });

  it("is done without when the master closes without a word", async () => {
    await scene.listen((socket) => socket.destroy());
    await scene.withoutMaster();
    assert.equal(scene.connections, 2);
  });

  it("is done without when the master closes at the request", async () => {
    await scene.listen((socket) => void socket.once("data", () => socket.destroy()));
    await scene.withoutMaster();
  });

  it("is done without when it is another program that listens there", async () => {
    await scene.listen((socket) => void socket.write("220 mail.test ESMTP\r\n"));
    await scene.withoutMaster();
  });

  it("is done without when the master says what is no reply", async () => {
    await scene.answer(messageFrame(null));
    await scene.withoutMaster();
  });

  it("is done without when the master fails by an error of its own", async () => {
    await scene.answer(
      HERE,
      messageFrame({ type: "failure", failure: partsOf(new Failure("bug", "preauth", "oops")) }),
    );
    await scene.withoutMaster();
  });

  it("is done without when the master ends before the session is open", async () => {
    await scene.listen((socket) => void socket.once("data", () => socket.end(HERE)));
    await scene.withoutMaster();
  });

  it("is done without when what the master says after it has answered is nonsense", async () => {
    await scene.answer(HERE, Buffer.from("what?"));
    await scene.withoutMaster();
  });

  it("fails as the master says when the server cannot be had", async () => {
    const failure = new Failure("auth", "mail.test", "refused", { hints: ["ask"], status: 77 });
    await scene.answer(HERE, messageFrame({ type: "failure", failure: partsOf(failure) }));
    await assert.rejects(scene.open(), (error) => {
      assert.deepEqual(error instanceof Failure && partsOf(error), partsOf(failure));
      return true;
    });
  });

  it("fails at the deadline when the master has answered and says no more", async () => {
    await scene.answer(HERE);
    await assert.rejects(
      scene.open(1_500),
      /^Failure: mail\.test: timed out waiting for the connection to mail\.test after 1\.5 s$/,
    );
  });

  it("is given up at a hang-up, and the master sees its end", async () => {
    const ended = new Promise((resolve) => {
      void scene.listen((socket) => void socket.on("data", () => socket.write(HERE)).on("close", resolve));
    });
    const opening = scene.open();
    setTimeout(() => scene.hangup.abort(new Failure("gone", "mail.test", "hung up")), 300);
    await assert.rejects(opening, /hung up/);
    await ended;
  });

  it("carries what the server says to its end, and its exit", async () => {
    const exit = { type: "exit", exit: { kind: "status", status: 3 }, lastRemark: "so long" };
    const said = [dataFrame(Buffer.from("* PREAUTH\r\n")), dataFrame(Buffer.from("* BYE\r\n"))];
    await scene.answer(HERE, messageFrame({ type: "opened" }), ...said, endFrame(), messageFrame(exit));
    const session = await scene.open();
    if (session === undefined) throw new Error(scene.notes.join("\n"));
    const seen = new Received(session.remote.stdout, "the session");
    assert.deepEqual(await session.remote.ended, { kind: "status", status: 3 });
    assert.equal((await seen.ended()).toString(), "* PREAUTH\r\n* BYE\r\n");
    assert.equal(session.lastRemark(), "so long");
  });

  it("is lost when the master ends under it", async () => {
    await scene.listen(
      (socket) =>
        void socket.once("data", () => socket.end(Buffer.concat([HERE, messageFrame({ type: "opened" })]))),
    );
    const session = await scene.open();
    session?.remote.stdout.resume();
    const exit = await session?.remote.ended;
    assert.deepEqual(exit, { kind: "lost", why: "the process that holds the connections has ended" });
  });
});
