import assert from "node:assert/strict";
import { test } from "node:test";
import { spotsOf } from "../../../src/table/positions.ts";
import type { Position, TomlPath } from "../../../src/table/table.ts";
import { SAMPLE } from "./sample.ts";

/** The line of the sample that begins so, counted from 1. */
function lineOf(start: string): number {
  return SAMPLE.split("\n").findIndex((line) => line.startsWith(start)) + 1;
}

/** Where --explain says that a value stands. */
function placeOf(text: string, path: TomlPath): Position {
  const { line, column } = spotsOf(text)(path, "statement");
  return { line, column };
}

test("a value of a decision is shown where its statement begins", () => {
  const places: readonly (readonly [TomlPath, string])[] = [
    [["defaults", "deadline"], "deadline"],
    [["host", 0, "commands", "imap"], 'commands.imap = "cd'],
    [["host", 1, "command"], "command ="],
    [["host", 2, "server"], "server"],
    [["host", 2, "known_hosts"], "known_hosts"],
    [["host", 2, "commands", "smtp"], "commands.smtp"],
    [["forward", 0, "unless", "reachable"], "unless.reachable"],
  ];
  for (const [path, start] of places)
    assert.deepEqual(placeOf(SAMPLE, path), { line: lineOf(start), column: 1 });
});

test("a table is shown at its header, and a table without one at its first key", () => {
  assert.deepEqual(placeOf(SAMPLE, ["host", 0]), { line: lineOf("[[host]]"), column: 1 });
  assert.deepEqual(placeOf(SAMPLE, ["defaults"]), { line: 1, column: 1 });
  assert.deepEqual(placeOf(SAMPLE, ["forward", 0, "unless"]), { line: lineOf("unless.domain"), column: 1 });
});

test("keys and values have places of their own, with their text", () => {
  const spotAt = spotsOf('[[host]]\n  commands . "imap" = \'x\'  # "auto"\nport = [ 1,\n  2 ]\n');
  const path = ["host", 0, "commands", "imap"];
  assert.deepEqual(spotAt(path, "statement"), { line: 2, column: 3, text: "commands . \"imap\" = 'x'" });
  assert.deepEqual(spotAt(path, "key"), { line: 2, column: 14, text: '"imap"' });
  assert.deepEqual(spotAt(path, "value"), { line: 2, column: 23, text: "'x'" });
  assert.deepEqual(spotAt(["host", 0, "port", 1], "value"), { line: 4, column: 3, text: "2" });
  assert.deepEqual(spotAt(["host", 0, "port"], "value"), { line: 3, column: 8, text: "[ 1,..." });
  assert.deepEqual(spotAt(["host", 0], "value"), { line: 1, column: 1, text: "[[host]]" });
});

test("tables below a header, inline and nested are found", () => {
  const spotAt = spotsOf(
    "[[host]]\n[host.commands]\nimap = 1\n[[host]]\nx = [{ a.b = 2 }]\n[host.commands]\r\nimap = 3\n",
  );
  assert.equal(spotAt(["host", 0, "commands", "imap"], "value").text, "1");
  assert.equal(spotAt(["host", 1, "x", 0, "a", "b"], "value").text, "2");
  assert.deepEqual(spotAt(["host", 1, "commands", "imap"], "value"), { line: 7, column: 8, text: "3" });
  assert.equal(spotAt(["host", 1, "commands"], "value").text, "[host.commands]");
});

test("what is not there is shown at the nearest table around it", () => {
  const spotAt = spotsOf("\n[[host]]\nport = 1\n");
  assert.deepEqual(spotAt(["host", 0, "commands", "imap"], "value"), { line: 2, column: 1, text: undefined });
  assert.deepEqual(spotAt(["forward", 3], "key"), { line: 1, column: 1, text: undefined });
});

test("a document that the parser with places cannot read is shown at its beginning", () => {
  assert.deepEqual(spotsOf("port = \n")(["port"], "value"), { line: 1, column: 1, text: undefined });
});

test("a byte order mark does not count", () => {
  assert.deepEqual(placeOf("\ufeff[defaults]\nport = 1\n", ["defaults"]), { line: 1, column: 1 });
  assert.deepEqual(placeOf("\ufeff[defaults]\nport = 1\n", ["defaults", "port"]), { line: 2, column: 1 });
});
