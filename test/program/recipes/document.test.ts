import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { parseTable } from "../../../src/table/schema.ts";
import { markedBlocks, marks, recipe } from "./recipes.ts";

describe("doc/recipes.md", () => {
  test("has a block after each of its marks", () => {
    assert.deepEqual(
      markedBlocks().map(({ mark }) => mark),
      marks(),
    );
    assert.notEqual(marks().length, 0);
  });

  test("has tables that are tables", async () => {
    const tables = markedBlocks().filter(({ mark }) => mark.endsWith(" hosts.toml"));
    assert.notEqual(tables.length, 0);
    for (const { mark, text } of tables) await parseTable(text, mark);
  });

  test("has no recipe that no test runs", () => {
    const folder = new URL(".", import.meta.url);
    const tests = readdirSync(folder).filter((name) => name.endsWith(".test.ts"));
    const source = tests.map((name) => readFileSync(new URL(name, folder), "utf8")).join("");
    for (const mark of marks()) {
      const [name = ""] = mark.split(" ");
      assert.ok(source.includes(`"${name}"`), name);
    }
  });

  test("has the lines of pinerc.example for sending and news", () => {
    const example = readFileSync(new URL("../../../pinerc.example", import.meta.url), "utf8");
    for (const name of ["alpine-send", "alpine-news", "sendmail"]) {
      const lines = recipe(name, "pinerc").trimEnd().split("\n").slice(1);
      assert.equal(lines.length, 1);
      for (const line of lines) assert.ok(example.includes(`\n#${line}\n`), line);
    }
  });
});
