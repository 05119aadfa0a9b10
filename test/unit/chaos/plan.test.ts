import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { FAULTS, plannedFaults } from "../../chaos/faults.ts";
import { messageOf, sumOf, sumsIn } from "../../chaos/message.ts";
import { Random } from "../../chaos/random.ts";
import { scriptOf } from "../../chaos/script.ts";
import { makeTemporary, removeTemporary } from "../../peers/temporary.ts";

const plan = (seed: number, count: number) => {
  const faults = plannedFaults(new Random(seed, "faults"), [10, 20]);
  return Array.from({ length: count }, () => faults.next().value);
};

describe("the plan of a chaos", () => {
  test("is the same for the same seed, and another one for another", () => {
    const sessions = (seed: number) => [1, 2, 3].map((session) => scriptOf(seed, 1, session));
    assert.deepEqual([plan(1, 50), sessions(1)], [plan(1, 50), sessions(1)]);
    assert.notDeepEqual(plan(1, 50), plan(2, 50));
    assert.notDeepEqual(sessions(1), sessions(2));
  });

  test("has each fault once before any has its second turn, with rests between the two ends", () => {
    const all = Object.keys(FAULTS);
    const names = plan(7, 2 * all.length).map((fault) => fault?.name);
    assert.deepEqual(names.slice(0, all.length).sort(), all.sort());
    assert.deepEqual(names.slice(all.length).sort(), all.sort());
    for (const fault of plan(7, 100)) assert.ok(fault !== undefined && fault.rest >= 10 && fault.rest <= 20);
  });
});

describe("the messages of a chaos", () => {
  const message = (id: string, size: number) => messageOf(new Random(1, "message", id), id, size);

  test("have about their size, lines that mail may have, and are like no other", () => {
    for (const size of [100, 8000, 1_000_000]) {
      const bytes = message("1-1", size);
      assert.ok(Math.abs(bytes.length - size) < 300 + size / 50, `${bytes.length} bytes of ${size}`);
      for (const line of bytes.toString("latin1").split("\r\n")) assert.match(line, /^[ -~]{0,78}$/);
    }
    assert.equal(sumOf(message("1-1", 500)), sumOf(message("1-1", 500)));
    assert.notEqual(sumOf(message("1-1", 500)), sumOf(message("1-2", 500)));
  });

  test("are found in a Maildir with their sums, whatever a synchronizer has added", () => {
    const folder = makeTemporary();
    mkdirSync(join(folder, "new"));
    const bytes = message("1-1", 3000);
    const text = bytes.toString("latin1").replaceAll("\r\n", "\n");
    writeFileSync(join(folder, "new", "a"), text.replace("\nDate: ", "\nX-TUID: abcdef\nDate: "));
    writeFileSync(join(folder, "new", "b"), text.replace("A", "B"));
    const found = sumsIn(folder);
    removeTemporary(folder);
    const sum = createHash("sha256").update(text).digest("hex");
    assert.equal(found.get("1-1")?.[0], sum);
    assert.equal(found.get("1-1")?.length, 2);
    assert.notEqual(found.get("1-1")?.[1], sum);
  });
});
