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
    for (const line of [
      "* PREAUTHX x",
      "*PREAUTH x",
      "*  PREAUTH x",
      "* PREAUTH\tx",
      "PREAUTH x",
      "$ * PREAUTH",
    ]) {
      assert.equal(feed([`${line}\r\n`]).found.kind, "more", line);
    }
    assert.equal(passed(["* PREAUTH\r\n"]), "* PREAUTH\r\n");
    assert.equal(passed(["* PREAUTH[CAPABILITY IMAP4rev1] x\r\n"]), "* PREAUTH[CAPABILITY IMAP4rev1] x\r\n");
  });

  for (const noise of [
    "\x1b]0;jane@mail\x07",
    "\x1b]1337;RemoteHost=x@y\x07\x1b]1337;ShellIntegrationVersion=16\x07",
    "Welcome. ",
    "motd\r",
    "press * or * PREAUTHOR: ",
    "* OK then ",
  ]) {
    test(`finds PREAUTH behind noise without a newline: ${JSON.stringify(noise)}`, () => {
      const { found, noise: lines } = feed([`first\n${noise}* PREAUTH ready\r\nrest`]);
      assert.ok(found.kind === "preauth");
      assert.equal(found.line.toString() + found.rest.toString(), "* PREAUTH ready\r\nrest");
      assert.deepEqual(lines, ["first", noise.replace(/\r$/, "")]);
    });
  }

  test("holds back what a shell prints before it", () => {
    const { found, noise } = feed(["Welcome!\nyou have mail\r\n\n* PREAUTH ready\r\nrest"]);
    assert.ok(found.kind === "preauth");
    assert.equal(found.rest.toString(), "rest");
    assert.deepEqual(noise, ["Welcome!", "you have mail", ""]);
  });

  for (const [greeting, isOk, text] of [
    ["* OK Dovecot ready.\r\n", true, "OK Dovecot ready."],
    ["* ok\n", true, "ok"],
    ["* BYE out of memory\r\n", false, "BYE out of memory"],
    ["* no service\n", false, "no service"],
    ["motd\r* BYE\r\n", false, "BYE"],
    ["noise\n* NO UNAUTHORIZED ACCESS *\n\n* OK ready\nmore\n", true, "OK ready"],
  ] as const) {
    test(`tells another greeting with its text, for as long as no PREAUTH follows: ${JSON.stringify(greeting)}`, () => {
      const { found, guard } = feed([greeting]);
      assert.deepEqual([found.kind, guard.otherwise], ["more", { isOk, text }]);
      const { kind } = guard.take(Buffer.from("* PREAUTH ready\n"));
      assert.deepEqual([kind, guard.otherwise], ["preauth", undefined]);
    });
  }

  test("takes no other word, and no other place, for another greeting", () => {
    for (const line of [
      " * OK x",
      "$ * BYE x",
      "* NO-ONE may enter",
      "* OKAY",
      "* BYEBYE",
      "OK x",
      "*OK x",
    ]) {
      assert.equal(feed([`${line}\r\n`]).guard.otherwise, undefined, line);
    }
  });

  test("knows a message of the day for noise once PREAUTH has come, and not when it has only begun", () => {
    const { noise, guard } = feed(["* NO UNAUTHORIZED ACCESS *\n", "* OK?\n", "* PREAUTH rea"]);
    assert.equal(guard.otherwise, undefined);
    assert.equal(guard.take(Buffer.from("dy\n")).kind, "preauth");
    assert.deepEqual(noise.sort(), ["* NO UNAUTHORIZED ACCESS *", "* OK?"]);
  });

  test("a line over 1,000 bytes loses its capabilities", () => {
    const capabilities = `[CAPABILITY ${"X ".repeat(600)}Y]`;
    assert.equal(passed([`* PREAUTH ${capabilities} ready\r\n`]), "* PREAUTH ready\r\n");
    assert.equal(passed([`\x07* preauth${capabilities} ready\n`]), "* preauth ready\r\n");
    assert.equal(passed([`* PREAUTH ${capabilities}ready\n`]), "* PREAUTH ready\r\n");
    assert.equal(passed([`* PREAUTH ${capabilities}\n`]), "* PREAUTH \r\n");
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
    assert.equal(feed([`* PREAUTH ${"x".repeat(65_536)}`]).found.kind, "flood");
    assert.equal(feed([`${"x".repeat(65_536)}* PREAUTH x\n`]).found.kind, "preauth");
    assert.equal(feed([`${"x".repeat(65_537)}* PREAUTH x\n`]).found.kind, "flood");
    // Noise and a line without an end, together.
    assert.equal(feed(["x".repeat(40_000), "* PREAUTH ", "x".repeat(25_526)]).found.kind, "more");
    assert.equal(feed(["x".repeat(40_000), "* PREAUTH ", "x".repeat(25_527)]).found.kind, "flood");
  });

  test("an unfinished line is noise when the server ends", () => {
    const { guard, noise } = feed(["sh: 1: imapd: not found"]);
    guard.end();
    assert.deepEqual(noise, ["sh: 1: imapd: not found"]);
  });

  test("finds the same wherever the bytes are cut", () => {
    const stream = Buffer.from(
      "noise\r\nmore\n* \x1b]0;*\x07* PREAUTH [CAPABILITY IMAP4rev1] ok\r\n* 3 EXISTS\r\n\xff\0",
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
        assert.deepEqual(noise, ["noise", "more", "* \x1b]0;*\x07"]);
        assert.equal(
          Buffer.concat(out).toString("latin1"),
          "* PREAUTH [CAPABILITY IMAP4rev1] ok\r\n* 3 EXISTS\r\n\xff\0",
        );
      }),
    );
  });
});
