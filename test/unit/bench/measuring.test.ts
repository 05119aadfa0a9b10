import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { describe, test } from "node:test";
import type { Cell } from "../../../bench/cells.ts";
import { Cleanup } from "../../../bench/cleanup.ts";
import { leastPrograms } from "../../../bench/floors/contenders.ts";
import { timeToGreeting } from "../../../bench/greeting.ts";
import { workBetween } from "../../../bench/idle.ts";
import { memoryOf } from "../../../bench/memory.ts";
import { measureRoundTrips, openNetwork } from "../../../bench/network.ts";
import { refusers, timeToRefusal } from "../../../bench/refusal.ts";
import { takeRounds } from "../../../bench/rounds.ts";
import { startServers } from "../../../bench/servers.ts";
import { listen } from "../../peers/tcp.ts";

const SIZE = 8 * 1024 * 1024;

function cell(program: string, take: () => Promise<number>, more: Partial<Cell> = {}): Cell {
  return { measure: "cold", roundTrip: 0, program, take, times: 1, every: 1, ...more };
}

describe("the measurements of the benchmark", () => {
  test("take a time of each program that refuses a server, and fail when it does not refuse", async () => {
    await using cleanup = new Cleanup();
    const all = refusers(cleanup);
    assert.deepEqual(
      all.map(({ name }) => name),
      [
        "preauth",
        "preauth.js",
        "Perl script",
        "empty program",
        "program that reads the table",
        "ssh -V",
        "true(1)",
      ],
    );
    for (const refuser of all) assert.equal((await timeToRefusal(refuser)) > 0, true, refuser.name);
    const [first] = all;
    if (first === undefined) throw new Error("nobody refuses");
    await assert.rejects(timeToRefusal({ ...first, status: 0 }), /^Error: preauth ended with 1 and 0 bytes$/);
  });

  test("take a time of the programs that do the least, twice of the one whose master stays", async () => {
    await using cleanup = new Cleanup();
    const { login, call } = await leastPrograms(await startServers([0], cleanup), cleanup);
    for (const { name, start } of [login, call, call]) {
      assert.equal((await timeToGreeting(start("system", 0, "imap"))) > 0, true, name);
    }
  });

  test("count the work of each thread, and nothing against the others when one has ended", () => {
    const before = new Map([
      ["1", { ms: 10, wakes: 5 }],
      ["2", { ms: 400, wakes: 900 }],
    ]);
    const after = new Map([
      ["1", { ms: 12, wakes: 9 }],
      ["3", { ms: 1, wakes: 2 }],
    ]);
    assert.deepEqual(workBetween(before, after), { ms: 3, wakes: 6 });
  });

  test("find the memory of a process", () => {
    const { resident, proportional, own } = memoryOf(process.pid);
    assert.equal(resident >= proportional && proportional >= own && own > 0, true);
  });
});

describe("the delaying proxy", () => {
  test("delays by at least its time, less the half millisecond of a timer for each way", async () => {
    const [none, some] = await measureRoundTrips([0, 20]);
    assert.equal(none?.wanted, 0);
    assert.equal((some?.measured ?? 0) >= 18, true, `${some?.measured} ms`);
  });

  test("passes on every byte both ways, in order, and the ends of both streams", async () => {
    await using echo = await listen((socket) => void socket.pipe(socket));
    const line = { port: echo.port, roundTrip: 4 };
    await using network = await openNetwork([line]);
    const sent = Buffer.alloc(SIZE, "0123456789abcdefg");
    const socket = connect({ host: "127.0.0.1", port: network.port(line), allowHalfOpen: true });
    const pieces: Buffer[] = [];
    socket.on("data", (piece: Buffer) => pieces.push(piece));
    socket.end(sent);
    await once(socket, "end");
    assert.equal(Buffer.concat(pieces).equals(sent), true);
  });
});

describe("the rounds of the benchmark", () => {
  const options = { tell: () => {}, isOver: () => false, rest: () => 0 };

  const forever = { ...options, end: Number.POSITIVE_INFINITY };

  test("finish the first round when time is up, and count failures beside samples", async () => {
    const taken: string[] = [];
    const take = (name: string) => async () => taken.push(name);
    const broken = cell("broken", () => Promise.reject(new Error("no greeting")));
    const cells = [cell("often", take("often"), { times: 3 }), cell("once", take("once")), broken];
    const { rounds, figures, troubles } = await takeRounds(cells, { ...options, end: 0 });
    assert.equal(rounds, 1);
    assert.deepEqual(taken, ["often", "once", "often", "often"]);
    assert.deepEqual(
      figures.map(({ program, count }) => [program, count]),
      [
        ["often", 3],
        ["once", 1],
      ],
    );
    assert.deepEqual(troubles, [{ program: "broken", reason: "cold, 0 ms: no greeting" }]);
  });

  test("ask no more who always fails, and measure the rare ones in some rounds only", async () => {
    const counts = { hopeless: 0, rare: 0 };
    let round = 0;
    const hopeless = cell("hopeless", async () => {
      counts.hopeless++;
      throw new Error("no");
    });
    const rare = cell("rare", async () => ++counts.rare, { every: 4 });
    const tell = (now: number) => {
      round = now;
    };
    await takeRounds([hopeless, rare], { ...forever, tell, isOver: () => round === 8 });
    assert.deepEqual(counts, { hopeless: 3, rare: 2 });
    await takeRounds([hopeless], forever);
    assert.equal(counts.hopeless, 6);
  });

  test("end before the next sample when they are told to", async () => {
    let samples = 0;
    const one = cell("one", async () => ++samples);
    await takeRounds([one], { ...forever, isOver: () => samples === 2 });
    assert.equal(samples, 2);
  });
});
