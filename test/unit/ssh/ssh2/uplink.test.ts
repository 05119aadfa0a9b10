import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { test } from "node:test";
import { Uplink } from "../../../../src/ssh/ssh2/uplink.ts";

/** A socket that takes what it is told to, and no more. */
class Narrow extends EventEmitter {
  writableLength = 0;

  drain(): void {
    this.writableLength = 0;
    this.emit("drain");
  }
}

function scene(isHeld: () => boolean = () => false) {
  const socket = new Narrow();
  const sent: string[] = [];
  const uplink = new Uplink(socket as never, isHeld);
  /** A channel with so many pieces of 32 KiB. */
  const send = (name: string, pieces: number): void => {
    if (pieces === 0) return;
    uplink.take(() => {
      sent.push(name);
      socket.writableLength += 32 * 1024;
      send(name, pieces - 1);
    });
  };
  return { socket, sent, uplink, send };
}

test("an upload puts no more into the socket than it takes", () => {
  const { socket, sent, send } = scene();
  send("a", 100);
  assert.equal(sent.length, 2);
  socket.drain();
  assert.equal(sent.length, 4);
});

test("channels have their turns one after the other: a word goes before the rest of a long message", () => {
  const { socket, sent, send } = scene();
  send("a", 100);
  send("b", 3);
  send("word", 1);
  for (let turn = 0; turn < 4; turn++) socket.drain();
  assert.deepEqual(sent.slice(0, 8), ["a", "a", "a", "b", "word", "a", "b", "a"]);
});

test("nothing is sent while keys are exchanged, and all of it afterwards", () => {
  let isHeld = true;
  const { sent, uplink, send } = scene(() => isHeld);
  send("a", 2);
  assert.deepEqual(sent, []);
  isHeld = false;
  uplink.proceed();
  assert.deepEqual(sent, ["a", "a"]);
});
