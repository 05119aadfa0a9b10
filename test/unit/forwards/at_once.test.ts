import assert from "node:assert/strict";
import { once } from "node:events";
import { linkSync, mkdtempSync, readdirSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Endpoint, Forward } from "../../../src/table/table.ts";
import { speakingServer } from "../../peers/tcp.ts";
import { makeTemporary, removeTemporary } from "../../peers/temporary.ts";
import { forwardOf, freePort, runClient } from "./fixtures.ts";
import { buildHolder, type Forms, type Holder, startHolder } from "./holders.ts";

const PROCESSES = 20;
const ROUNDS = 5;

let folder = "";
let forms: Forms;
before(() => {
  folder = makeTemporary();
  forms = buildHolder(folder);
});
after(() => removeTemporary(folder));

async function leaveBehind(path: string): Promise<void> {
  const server = createServer().listen(`${path}.x`);
  await once(server, "listening");
  linkSync(`${path}.x`, path);
  server.close();
  await once(server, "close");
}

async function inEachRound(holders: readonly Holder[], to: Endpoint): Promise<void> {
  const directory = mkdtempSync(join(folder, "r-"));
  const stale = join(directory, "stale");
  await leaveBehind(stale);
  const fresh = join(directory, "fresh");
  const places: readonly Forward["listen"][] = [await freePort(), stale, fresh];
  const plan = places.map((listen, index) => forwardOf({ name: `f${index}`, listen, to }));

  const standings = await Promise.all(holders.map((holder) => holder.hold(plan)));
  for (const [index, place] of places.entries()) {
    const states = standings.map((states) => states[index]);
    const held = states.filter((state) => state?.kind === "held");
    assert.equal(held.length, 1, `${place}: ${JSON.stringify(states)}`);
    const takers = states.flatMap((state) => (state?.kind === "taken" ? [state.by.kind] : []));
    assert.equal(takers.length, PROCESSES - 1, `${place}: ${JSON.stringify(states)}`);
    // Which program of the user's it is has to be found within a second; where much else runs, one in a while is late.
    assert.ok(
      takers.every((kind) => kind === "ours" || kind === "same-user"),
      takers.join(" "),
    );
    assert.ok(takers.includes("ours"), takers.join(" "));
    const where = typeof place === "number" ? { address: "127.0.0.1", port: place } : { address: place };
    assert.equal(await runClient(where), "220 mail\r\n");
  }
  assert.deepEqual(readdirSync(directory).sort(), ["fresh", "stale"]);
  await Promise.all(holders.map((holder) => holder.stop()));
  assert.deepEqual(readdirSync(directory), []);
}

test("of twenty processes at once exactly one holds each place, round after round", async () => {
  await using target = await speakingServer("220 mail\r\n");
  const starting = Array.from({ length: PROCESSES }, (_, index) =>
    startHolder(index % 2 === 0 ? forms.node : forms.executable),
  );
  const started = await Promise.allSettled(starting);
  const holders = started.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  try {
    assert.equal(holders.length, PROCESSES);
    const to = { host: target.host, port: target.port };
    for (let round = 0; round < ROUNDS; round++) await inEachRound(holders, to);
  } finally {
    await Promise.all(holders.map((holder) => holder[Symbol.asyncDispose]()));
  }
});
