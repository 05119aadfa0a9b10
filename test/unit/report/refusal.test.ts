import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { Failure } from "../../../src/failure.ts";
import { refuse } from "../../../src/report/refusal.ts";
import type { OnFailure } from "../../../src/table/table.ts";

/** The whole dialogue with a client that sends one line (or ends without one). */
async function dialogue(how: OnFailure, what: string, command: string | undefined): Promise<string[]> {
  const said: string[] = [];
  const client = { say: (text: string) => void said.push(text), firstLine: async () => command };
  await refuse(client, how, new Failure("network", "work", what));
  return said.join("").split("\r\n");
}

describe("a refusal in IMAP", () => {
  test('"refuse" greets, waits for a command, and answers it', async () => {
    assert.deepEqual(await dialogue("refuse", "connection refused", "00000001 SELECT INBOX"), [
      "* PREAUTH [CAPABILITY IMAP4rev1] preauth",
      "* BYE preauth: work: connection refused",
      "00000001 NO preauth: work: connection refused",
      "",
    ]);
  });

  test('"refuse" says no more to a client that says nothing', async () => {
    assert.deepEqual(await dialogue("refuse", "x", undefined), [
      "* PREAUTH [CAPABILITY IMAP4rev1] preauth",
      "",
    ]);
  });

  test('"tell" is one untagged NO', async () => {
    assert.deepEqual(await dialogue("tell", "out of time", "a1 NOOP"), [
      "* NO preauth: work: out of time",
      "",
    ]);
  });

  test('"silent" is nothing', async () => {
    assert.deepEqual(await dialogue("silent", "x", "a1 NOOP"), [""]);
  });

  test("a reason is printable ASCII on one line of at most 400 bytes, whatever a server put into it", async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: "binary", maxLength: 2000 }), async (what) => {
        const lines = await dialogue("refuse", what, "a1 NOOP");
        assert.equal(lines.length, 4);
        for (const line of lines.slice(0, 3)) {
          assert.match(line, /^[\x20-\x7e]*$/);
          assert.ok(line.length <= "* BYE preauth: ".length + 400);
        }
      }),
    );
  });

  test("a tag is given back only when it is one", async () => {
    for (const [command, tag] of [
      ["A001 NOOP", "A001"],
      ["A001", "A001"],
      ["", "*"],
      ["\x1b[2J x", "*"],
      ['"a" x', "*"],
      [`${"t".repeat(65)} x`, "*"],
    ] as const) {
      const [, , answer] = await dialogue("refuse", "x", command);
      assert.equal(answer, `${tag} NO preauth: work: x`);
    }
  });
});
