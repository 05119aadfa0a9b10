import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { type Finding, GreetingGuard } from "../../../src/session/guard.ts";

/** Feeds text in pieces; gives the last finding and the noise. */
function feed(pieces: readonly (string | Buffer)[]): {
  found: Finding;
  noise: string[];
  guard: GreetingGuard;
} {
  const noise: string[] = [];
  const guard = new GreetingGuard((line) => noise.push(line));
  let found: Finding = { kind: "more" };
  for (const piece of pieces) {
    found = guard.take(typeof piece === "string" ? Buffer.from(piece, "latin1") : piece);
    if (found.kind !== "more") break;
  }
  return { found, noise, guard };
}

/** What the client would see of a PREAUTH. */
function passed(pieces: readonly string[]): string {
  const { found } = feed(pieces);
  assert.ok(found.kind === "preauth");
  return found.line.toString("latin1") + found.rest.toString("latin1");
}

describe("the greeting guard", () => {
  test("passes a PREAUTH on from its first byte", () => {
    assert.equal(passed(["* PREAUTH ready\r\n"]), "* PREAUTH ready\r\n");
  });

  test("puts CRLF where a greeting ends in LF alone", () => {
    assert.equal(passed(["* PREAUTH ready\n* 1 EXISTS\n"]), "* PREAUTH ready\r\n* 1 EXISTS\n");
  });

  test("takes the keyword in any case, and only as a whole word", () => {
    assert.equal(passed(["* preAuth x\r\n"]), "* preAuth x\r\n");
    assert.equal(feed(["* PREAUTHX x\r\n"]).found.kind, "more");
    assert.equal(feed([" * PREAUTH x\r\n"]).found.kind, "more");
    assert.equal(feed(["*  PREAUTH x\r\n"]).found.kind, "more");
    assert.equal(feed(["* PREAUTH\r\n"]).found.kind, "preauth");
  });

  test("holds back what a shell prints before it", () => {
    const { found, noise } = feed(["Welcome!\nyou have mail\r\n\n* PREAUTH ready\r\nrest"]);
    assert.ok(found.kind === "preauth");
    assert.equal(found.rest.toString(), "rest");
    assert.deepEqual(noise, ["Welcome!", "you have mail", ""]);
  });

  for (const [greeting, kind, text] of [
    ["* OK Dovecot ready.\r\n", "ok", "OK Dovecot ready."],
    ["* BYE out of memory\r\n", "bye", "BYE out of memory"],
    ["* no service\n", "no", "no service"],
  ] as const) {
    test(`tells ${kind} with its text`, () => assert.deepEqual(feed([greeting]).found, { kind, text }));
  }

  test("a line over 1,000 bytes loses its capabilities", () => {
    const capabilities = `[CAPABILITY ${"X ".repeat(600)}Y]`;
    assert.equal(passed([`* PREAUTH ${capabilities} ready\r\n`]), "* PREAUTH ready\r\n");
  });

  test("a line of 1,000 bytes stays whole", () => {
    const line = `* PREAUTH [CAPABILITY IMAP4rev1] ${"x".repeat(967)}`;
    assert.equal(line.length, 1000);
    assert.equal(passed([`${line}\r\n`]), `${line}\r\n`);
  });

  test("and is cut to 1,000 bytes where that is not enough", () => {
    assert.equal(
      passed([`* PREAUTH [CAPABILITY A] ${"x".repeat(3000)}\r\n`]),
      `* PREAUTH ${"x".repeat(990)}\r\n`,
    );
  });

  test("64 KiB without a greeting is a flood, in lines or in one", () => {
    assert.equal(feed([Buffer.alloc(65_536, "x")]).found.kind, "more");
    assert.equal(feed([Buffer.alloc(65_537, "x")]).found.kind, "flood");
    assert.equal(feed(["y\n".repeat(32_768)]).found.kind, "more");
    assert.equal(feed(["y\n".repeat(32_769)]).found.kind, "flood");
  });

  test("an unfinished line is noise when the server ends", () => {
    const { guard, noise } = feed(["sh: 1: imapd: not found"]);
    guard.end();
    assert.deepEqual(noise, ["sh: 1: imapd: not found"]);
  });

  test("finds the same wherever the bytes are cut", () => {
    const stream = Buffer.from(
      "noise\r\nmore\n* PREAUTH [CAPABILITY IMAP4rev1] ok\r\n* 3 EXISTS\r\n\xff\0",
      "latin1",
    );
    fc.assert(
      fc.property(fc.array(fc.nat(stream.length)), (cuts) => {
        const places = [0, ...cuts.sort((a, b) => a - b), stream.length];
        const pieces = places.slice(1).map((end, index) => stream.subarray(places[index] ?? 0, end));
        const noise: string[] = [];
        const guard = new GreetingGuard((line) => noise.push(line));
        const out: Buffer[] = [];
        let greeted = false;
        for (const piece of pieces) {
          if (greeted) {
            out.push(piece);
            continue;
          }
          const found = guard.take(piece);
          if (found.kind !== "preauth") continue;
          greeted = true;
          out.push(found.line, found.rest);
        }
        assert.deepEqual(noise, ["noise", "more"]);
        assert.equal(
          Buffer.concat(out).toString("latin1"),
          "* PREAUTH [CAPABILITY IMAP4rev1] ok\r\n* 3 EXISTS\r\n\xff\0",
        );
      }),
    );
  });
});
