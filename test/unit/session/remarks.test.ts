import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { finished } from "node:stream/promises";
import { describe, test } from "node:test";
import { Remarks } from "../../../src/session/remarks.ts";

/** Lets the remote say these pieces; gives the lines that were made of them. */
async function heard(pieces: readonly string[]): Promise<{ lines: string[]; remarks: Remarks }> {
  const lines: string[] = [];
  const remarks = new Remarks((line) => lines.push(line));
  const stream = Readable.from(
    pieces.map((piece) => Buffer.from(piece)),
    { objectMode: false },
  );
  remarks.listenTo(stream);
  await finished(stream);
  return { lines, remarks };
}

describe("what a remote command says", () => {
  test("is told line by line, the unfinished one at the end", async () => {
    const { lines, remarks } = await heard(["one\r", "\ntw", "o\n\n", "three"]);
    assert.deepEqual(lines, ["one", "two", "three"]);
    assert.equal(remarks.last, "three");
  });

  for (const [title, end] of [
    ["with", "\n"],
    ["without", ""],
  ] as const) {
    test(`loses nothing of a long line ${title} an end, in pieces that the log keeps whole`, async () => {
      const long = Array.from({ length: 5000 }, (_, number) => `word${number}`).join(" ");
      const { lines } = await heard([long.slice(0, 32_768), `${long.slice(32_768)}${end}`]);
      assert.equal(lines.join(""), long);
      for (const line of lines) assert.ok(line.length < 4096, `${line.length} characters`);
    });
  }
});
