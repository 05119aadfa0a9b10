import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { TableFailure } from "../../../src/table/failure.ts";
import { parseTable } from "../../../src/table/schema.ts";
import { SAMPLE } from "./sample.ts";

/** Pieces that mean something to TOML, to JavaScript, or to the table. */
const PIECES = [
  ...[
    '"',
    "'",
    '"""',
    "'''",
    "[",
    "]",
    "[[host]]",
    "[forward]",
    "{",
    "}",
    "=",
    ".",
    ",",
    "\n",
    "\r\n",
    "\r",
    "#",
  ],
  ...[
    "__proto__",
    "constructor",
    "toString.x = 1",
    "[__proto__]",
    "[host.commands]",
    "[[host.port]]",
    "[[a.b]]",
  ],
  ...["0", "-1", "1.5", "1e400", "nan", "0x10", "99999999999999999999", "true", "1979-05-27", "07:32:00"],
  ...[
    "\\u0000",
    "\\uD800",
    "\\U00110000",
    "\0",
    "\u{1f4ea}",
    "\ufeff",
    "!",
    "*",
    '""',
    "[]",
    "{}",
    " ",
    "\\",
  ],
  ...["a.b.c = 1", "port = {}", "match = []", "unless = [1]", 'listen = "/x"', 'name = "smtp"'],
];

/** Replaces a stretch of the text by a piece, or by another stretch of it. */
const mutation = fc.record({
  at: fc.nat(SAMPLE.length),
  length: fc.oneof({ weight: 3, arbitrary: fc.nat(3) }, fc.nat(60)),
  by: fc.oneof(
    fc.constantFrom(...PIECES),
    fc.tuple(fc.nat(SAMPLE.length), fc.nat(80)).map(([from, length]) => SAMPLE.slice(from, from + length)),
  ),
});

const mutated = fc
  .array(mutation, { minLength: 1, maxLength: 4 })
  .map((mutations) =>
    mutations.reduce((text, { at, length, by }) => text.slice(0, at) + by + text.slice(at + length), SAMPLE),
  );

test("a mutated table is read, or refused with a place in it for each problem", async () => {
  await fc.assert(
    fc.asyncProperty(mutated, async (text) => {
      const problems = await parseTable(text, "t").then(
        () => [],
        (error: unknown) => {
          if (!(error instanceof TableFailure)) throw error;
          assert.ok(error.problems.length > 0);
          return error.problems;
        },
      );
      const lines = text.split("\n");
      for (const problem of problems) {
        const [, line, column] = /^t:(\d+):(\d+): \S/.exec(problem) ?? assert.fail(problem);
        const there = lines[Number(line) - 1] ?? assert.fail(`${problem} is outside of the file`);
        assert.ok(Number(column) >= 1 && Number(column) <= there.length + 1, problem);
      }
    }),
    { numRuns: 2_000 },
  );
});
