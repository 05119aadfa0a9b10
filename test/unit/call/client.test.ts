import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { describe, test } from "node:test";
import { Client } from "../../../src/call/client.ts";

/** The first line of a client that sends these pieces. */
async function firstLine(pieces: readonly string[]): Promise<string | undefined> {
  const input = new PassThrough();
  const stdio = { input, output: new PassThrough(), endOutput: () => {}, readerIsGone: () => false };
  const client = new Client({ stdio: () => stdio, write: () => true }, () => {});
  const line = client.firstLine(10_000);
  for (const piece of pieces) input.write(piece);
  input.end();
  return await line;
}

describe("the first line of a client", () => {
  test("ends at LF, with or without a CR before it, wherever it was cut", async () => {
    assert.equal(await firstLine(["A1 NOOP\r\nA2"]), "A1 NOOP");
    assert.equal(await firstLine(["A1 NO", "OP\r", "\n"]), "A1 NOOP");
    assert.equal(await firstLine(["A1 NOOP\n"]), "A1 NOOP");
  });

  test("may have a CR inside", async () => {
    assert.equal(await firstLine(["A1 X\rY\r\n"]), "A1 X\rY");
  });

  test("is none where the input ends before it", async () => {
    assert.equal(await firstLine(["A1 NOOP"]), undefined);
  });
});
