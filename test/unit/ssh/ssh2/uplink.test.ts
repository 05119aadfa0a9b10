import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { mock, test } from "node:test";
import { Uplink } from "../../../../src/ssh/ssh2/uplink.ts";

const KIB = 1024;

/** A socket that takes what it is told to, and no more. */
class Narrow extends EventEmitter {
  writableLength = 0;

  drain(): void {
    this.writableLength = 0;
    this.emit("drain");
  }
}

interface Options {
  readonly isHeld?: () => boolean;
  /** Whether the server answers each question at once, or when it is told to. */
  readonly answers?: boolean;
}

function scene({ isHeld = () => false, answers = true }: Options = {}) {
  const socket = new Narrow();
  const sent: string[] = [];
  const sizes = new Map<string, number>();
  const open: (() => void)[] = [];
  const ask = (onAnswer: () => void): void => {
    if (answers) setImmediate(onAnswer);
    else open.push(onAnswer);
  };
  const uplink = new Uplink(socket as never, { isHeld, ask, roundTrip: () => Number.POSITIVE_INFINITY });
  /** A channel with so many bytes. */
  const send = (name: string, bytes: number): void => {
    let left = bytes;
    const sender = {
      send: (most: number): number => {
        const size = Math.min(left, most);
        sent.push(name);
        sizes.set(name, (sizes.get(name) ?? 0) + size);
        socket.writableLength += size;
        left -= size;
        if (left > 0) uplink.take(sender);
        return size;
      },
    };
    uplink.take(sender);
  };
  const answer = (): void => {
    for (const one of open.splice(0)) one();
  };
  return { socket, sent, sizes, uplink, send, answer };
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("an upload puts no more into the socket than it takes", () => {
  const { socket, sizes, send } = scene();
  send("a", 4000 * KIB);
  assert.ok(socket.writableLength <= 96 * KIB, `${socket.writableLength} bytes`);
  assert.equal(sizes.get("a"), socket.writableLength);
});

test("channels have their turns one after the other: a word goes before the rest of a long message", () => {
  const { socket, sent, send, answer } = scene({ answers: false });
  send("a", 4000 * KIB);
  send("b", 4000 * KIB);
  const before = sent.length;
  for (let turn = 0; turn < 4; turn++) {
    socket.drain();
    answer();
  }
  const turns = sent.slice(before);
  assert.ok(turns.length >= 4, turns.join(""));
  for (const [nth, name] of turns.entries())
    if (nth > 0) assert.notEqual(name, turns[nth - 1], turns.join(""));
});

test("what is unanswered is limited, though the socket takes it; a word of another channel goes out at once", () => {
  const { socket, sent, sizes, send, answer } = scene({ answers: false });
  const drain = (): void => {
    for (let turn = 0; turn < 100; turn++) socket.drain();
  };
  send("a", 4000 * KIB);
  drain();
  assert.ok((sizes.get("a") ?? 0) <= 96 * KIB, `${sizes.get("a")} bytes`);
  send("word", 20);
  assert.equal(sent.at(-1), "word");
  send("word", 20);
  assert.equal(sizes.get("word"), 40);
  // Another upload begins with a little, and then waits, too.
  send("b", 4000 * KIB);
  drain();
  assert.equal(sizes.get("b"), 4 * KIB);
  const before = sizes.get("a") ?? 0;
  answer();
  drain();
  assert.ok((sizes.get("a") ?? 0) > before);
  socket.emit("close");
});

test("a socket that takes all gets a quarter of a MiB in a turn of the event loop, so that others are heard in between", async () => {
  const { socket, sizes, send } = scene();
  Object.defineProperty(socket, "writableLength", { get: () => 0, set: () => {} });
  send("a", 40_000 * KIB);
  const turns: number[] = [];
  for (let sent = 0; sent < 40_000 * KIB; ) {
    await nextTurn();
    turns.push((sizes.get("a") ?? 0) - sent);
    sent = sizes.get("a") ?? 0;
  }
  // The last piece goes beyond.
  assert.ok(Math.max(...turns) <= 384 * KIB, `${Math.max(...turns)} bytes`);
  assert.ok(Math.max(...turns) >= 256 * KIB, `${Math.max(...turns)} bytes`);
});

test("a server that does not answer has more sent all the same, after a while", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    const { socket, sizes, send } = scene({ answers: false });
    send("a", 4000 * KIB);
    for (let turn = 0; turn < 100; turn++) socket.drain();
    const before = sizes.get("a") ?? 0;
    for (let turn = 0; turn < 20; turn++) {
      mock.timers.tick(3000);
      for (let piece = 0; piece < 1000; piece++) socket.drain();
      await nextTurn();
    }
    assert.ok(before < 100 * KIB);
    assert.equal(sizes.get("a"), 4000 * KIB);
  } finally {
    mock.timers.reset();
  }
});

test("nothing is sent while keys are exchanged, and all of it afterwards", () => {
  let isHeld = true;
  const { sent, sizes, uplink, send } = scene({ isHeld: () => isHeld });
  send("a", 20 * KIB);
  assert.deepEqual(sent, []);
  isHeld = false;
  uplink.proceed();
  assert.equal(sizes.get("a"), 20 * KIB);
});
