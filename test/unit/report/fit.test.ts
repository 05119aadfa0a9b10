import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import fc from "fast-check";
import { fitted } from "../../../src/report/fit.ts";

test("a line that fits, or that goes to no terminal, stays as it is", () => {
  assert.deepEqual(fitted("name   3 ms  x", 40), ["name   3 ms  x"]);
  assert.deepEqual(fitted("x".repeat(500), undefined), ["x".repeat(500)]);
});

test("a line is broken between words, and goes on with an indent; columns give way on a narrow terminal", () => {
  assert.deepEqual(fitted("user       jane of the other  machine there", 20), [
    "user jane of the",
    "  other machine",
    "  there",
  ]);
  assert.deepEqual(fitted(`a  b  ${"word ".repeat(14)}`.trim(), 60), [
    "a  b  word word word word word word word word word word word",
    "  word word word",
  ]);
});

test("no line is longer than the terminal is wide, from 20 columns on, and nothing is lost", () => {
  const word = fc.array(fc.constantFrom("a", "b", ":", "/", "."), { minLength: 1, maxLength: 60 });
  const line = fc
    .array(word, { minLength: 1, maxLength: 20 })
    .map((words) => words.map((one) => one.join("")).join(" "));
  fc.assert(
    fc.property(line, fc.integer({ min: 20, max: 100 }), (text, columns) => {
      const lines = fitted(text, columns);
      assert.equal(
        lines.every((one) => one.length <= columns),
        true,
        lines.join("\n"),
      );
      assert.equal(lines.join("").replace(/ /g, ""), text.replace(/ /g, ""));
    }),
  );
});

test("a line to be typed stands by itself, broken so that a shell puts it together again", () => {
  const line = "echo '[127.0.0.1]:22 ssh-ed25519 AAAA' \"two words\" and some more of them";
  const [text, ...typed] = fitted(`preauth: hint: if it is the same, accept it: ${line}`, 40);
  assert.equal(text, "preauth: hint: if it is the same, accept");
  assert.equal(typed[0], "  it:");
  assert.equal(typed.length > 3, true);
  assert.equal(
    typed.every((one) => one.length <= 40),
    true,
  );
  const said = execFileSync("/bin/sh", ["-c", typed.slice(1).join("\n")], { encoding: "utf8" });
  assert.equal(said, "[127.0.0.1]:22 ssh-ed25519 AAAA two words and some more of them\n");
});

test("a line for a file stays whole, for it to be pasted", () => {
  const line = 'commands.imap = "exec /usr/lib/dovecot/imap -o mail_location=maildir:~/Maildir"';
  assert.deepEqual(fitted(`preauth: hint: write: ${line}`, 40), ["preauth: hint: write:", `  ${line}`]);
});
