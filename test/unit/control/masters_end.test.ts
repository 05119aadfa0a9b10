import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it, mock } from "node:test";
import { dataFrame, messageFrame } from "../../../src/control/frames.ts";
import { Peer } from "../../../src/control/masters_end.ts";
import type { Request } from "../../../src/control/protocol.ts";
import { makeTemporary, removeTemporary } from "../../peers/temporary.ts";
import { within } from "../../peers/waiting.ts";

const STATUS = messageFrame({ type: "status" });

afterEach(() => mock.timers.reset());

describe("a caller, for the master", () => {
  let caller: Socket;
  let peer: Peer;
  let closed: Promise<unknown>;
  let requests: Request[];

  beforeEach(async () => {
    requests = [];
    const [socket, other] = await pair();
    caller = other;
    // Not once(): an error before it would be a rejection.
    closed = new Promise((resolve) => socket.once("close", resolve));
    peer = new Peer(socket, (request) => requests.push(request));
  });
  afterEach(() => caller.destroy());

  function gone(): Promise<unknown> {
    if (peer.gone.aborted) return Promise.resolve();
    return within(once(peer.gone, "abort"), "the caller to be gone", () => "", 5_000);
  }

  it("makes one request", async () => {
    caller.write(Buffer.concat([STATUS, messageFrame({ type: "answer" })]));
    peer.listen({ data: () => {}, end: () => {}, answer: () => peer.close() });
    caller.resume();
    await once(caller, "end");
    assert.deepEqual(requests, [{ type: "status" }]);
  });

  it("has gone when it has died", async () => {
    caller.destroy();
    await gone();
    await closed;
  });

  it("has gone when it has died while it was not read", async () => {
    peer.pause();
    caller.write(dataFrame(Buffer.alloc(1_000)));
    await new Promise((resolve) => setImmediate(resolve));
    caller.destroy();
    await gone();
    await closed;
  });

  it("is still there when it is not read for a while, and hears nothing of that", async () => {
    peer.pause();
    const [heard] = (await within(once(caller, "data"), "an empty frame")) as [Buffer];
    assert.deepEqual(heard, Buffer.from(dataFrame(Buffer.alloc(0))));
    assert.equal(peer.gone.aborted, false);
  });

  it("has gone when it says nonsense, and is heard no more", async () => {
    caller.write(Buffer.concat([Buffer.from("what?"), STATUS]));
    caller.resume();
    await gone();
    await once(caller, "end");
    caller.end(STATUS);
    await closed;
    assert.deepEqual(requests, []);
  });

  it("has gone when what follows its request is no answer", async () => {
    caller.write(Buffer.concat([STATUS, STATUS]));
    await gone();
    assert.equal(requests.length, 1);
  });

  it("is closed when it does not go by itself", async () => {
    mock.timers.enable({ apis: ["setTimeout"] });
    peer.close();
    caller.resume();
    await once(caller, "end");
    mock.timers.tick(4_999);
    assert.equal(peer.gone.aborted, false);
    mock.timers.tick(1);
    // The timer of its request is a real one.
    mock.timers.reset();
    await closed;
  });
});

describe("a caller that says nothing", () => {
  it("is closed after 10 s", async () => {
    mock.timers.enable({ apis: ["setTimeout"] });
    const [socket, other] = await pair();
    const closed = once(socket, "close");
    new Peer(socket, () => assert.fail("no request was made"));
    mock.timers.tick(9_999);
    assert.equal(socket.destroyed, false);
    mock.timers.tick(1);
    await closed;
    other.destroy();
  });
});

/** Both ends of a connection. */
async function pair(): Promise<[Socket, Socket]> {
  const folder = makeTemporary();
  const server = createServer().listen(join(folder, "s"));
  await once(server, "listening");
  const accepted = once(server, "connection");
  const caller = connect({ path: join(folder, "s"), allowHalfOpen: true });
  caller.on("error", () => {});
  const [socket] = (await accepted) as [Socket];
  server.close();
  removeTemporary(folder);
  return [socket, caller];
}
