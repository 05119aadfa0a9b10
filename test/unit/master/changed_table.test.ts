import assert from "node:assert/strict";
import { test } from "node:test";
import { leadNow } from "../../../src/master/changed_table.ts";
import { makeHome } from "../../peers/home.ts";
import { decisionFor } from "../ssh/fixtures.ts";

const TABLE = '[[host]]\nmatch = "mail.test"\nserver = "elsewhere.test"\n';

/** What has been found of one call at each look, with what was noted. */
function scene() {
  const home = makeHome();
  const lead = { request: { decision: decisionFor("elsewhere.test"), env: home.env, home: home.path } };
  const notes: string[] = [];
  const look = async () => {
    const uid = process.getuid?.() ?? 0;
    return leadNow([lead], { uid }, (line) => notes.push(line));
  };
  return { home, lead, notes, look, [Symbol.dispose]: () => home[Symbol.dispose]() };
}

test("a table is asked the first time and when it has changed, with the words of the call and METHOD imap", async () => {
  using at = scene();
  at.home.writeTable(TABLE);
  const [found] = (await at.look()).values();
  assert.deepEqual([found?.server, found?.user?.value, found?.method], ["mail.test", "jane", "imap"]);
  assert.equal((await at.look()).size, 0);
  at.home.writeTable(`# a word\n${TABLE}`);
  assert.equal((await at.look()).get(at.lead)?.destination.value, "elsewhere.test");
});

test("a SERVER that has gone from it, or shares nothing any more, is led nowhere", async () => {
  for (const table of [TABLE.replace("mail.test", "other.test"), `${TABLE}share = false\n`]) {
    using at = scene();
    at.home.writeTable(table);
    assert.deepEqual([...(await at.look()).values()], [undefined]);
  }
});

test("a table with a mistake, or none, changes nothing, and that is noted once", async () => {
  for (const table of ["[[host\n", undefined]) {
    using at = scene();
    if (table !== undefined) at.home.writeTable(table);
    assert.equal((await at.look()).size, 0);
    assert.equal((await at.look()).size, 0);
    assert.equal(at.notes.length, 1);
    assert.match(at.notes[0] ?? "", /^mail\.test: what is open stays: /);
  }
});
