import assert from "node:assert/strict";
import { Duplex } from "node:stream";
import { test } from "node:test";
import { joinWrites } from "../../../../src/ssh/network/joined_writes.ts";

/** A socket that keeps each piece that would leave at once. */
class Kept extends Duplex {
  readonly pieces: string[] = [];

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.pieces.push(String(chunk));
    done();
  }

  override _writev(chunks: readonly { readonly chunk: Buffer }[], done: () => void): void {
    this.pieces.push(chunks.map(({ chunk }) => String(chunk)).join(""));
    done();
  }
}

function joined(): Kept {
  const socket = new Kept();
  joinWrites(socket);
  return socket;
}

test("what is written in one go leaves in one piece, and what comes later in another", async () => {
  const socket = joined();
  for (const piece of ["length ", "content ", "tag"]) socket.write(piece);
  assert.deepEqual(socket.pieces, []);
  await Promise.resolve();
  assert.deepEqual(socket.pieces, ["length content tag"]);
  socket.write("next");
  await Promise.resolve();
  assert.deepEqual(socket.pieces, ["length content tag", "next"]);
});

test("an end in the same go loses nothing", async () => {
  const socket = joined();
  socket.write("last ");
  socket.write("words");
  socket.end();
  await new Promise((resolve) => socket.once("finish", resolve));
  assert.deepEqual(socket.pieces, ["last words"]);
});

test("a destroyed socket takes no harm", async () => {
  const socket = joined();
  socket.write("lost");
  socket.destroy();
  await new Promise((resolve) => socket.once("close", resolve));
  assert.deepEqual(socket.pieces, []);
});
