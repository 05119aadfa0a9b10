import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { figureOf, type LineFigure } from "../../../bench/line/figures.ts";
import { lineGoals } from "../../../bench/line/goals.ts";
import type { LineReport } from "../../../bench/line/measuring.ts";
import { lineReport } from "../../../bench/line/report.ts";
import { GOAL_SHAPES, nameOf, SHAPES, type Shape } from "../../../bench/line/shapes.ts";
import { refusingPort } from "../../peers/tcp.ts";
import { poll, within } from "../../peers/waiting.ts";
import { canned } from "./canned.ts";

const OURS = "preauth, shared";
const THEIRS = "ssh, ControlMaster";

function figure(shape: Shape, way: "download" | "upload", program: string, times: number): LineFigure {
  const sample = { idleGreeting: 200, idleNoops: [100], greeting: times, noops: [times, times], share: 0.95 };
  const found = figureOf({ shape, way, program }, [sample]);
  if (found === undefined) throw new Error("no figure of one sample");
  return found;
}

/** A run in which ours takes a fifth of ControlMaster's times. */
const found: LineReport = {
  ...{ surroundings: canned.surroundings, all: false, took: 900, troubles: [] },
  crowd: (["download", "upload"] as const).map((way) => ({
    ...{ program: OURS, way, noops: 300, noop50: 4, noop99: way === "upload" ? 25 : 15, rate: 300 },
  })),
  figures: GOAL_SHAPES.flatMap((shape) =>
    (["download", "upload"] as const).flatMap((way) => [
      figure(shape, way, OURS, 400),
      figure(shape, way, THEIRS, 2000),
    ]),
  ),
};

describe("the lines of the benchmark", () => {
  test("are twelve, and those of the goals are among them", () => {
    assert.equal(new Set(SHAPES.map(nameOf)).size, 12);
    for (const shape of GOAL_SHAPES) assert.ok(SHAPES.map(nameOf).includes(nameOf(shape)));
  });

  test("are judged by goals, and one that was not measured is left open", () => {
    const verdicts = lineGoals(found).map(({ what, measured, met }) => [what, measured?.toFixed(2), met]);
    const [first] = verdicts;
    assert.deepEqual(first, [
      "next mailbox / ControlMaster's, 1 Mbit/s, 100 ms, deep, download",
      "0.20",
      true,
    ]);
    assert.deepEqual(verdicts.at(-1), [
      "NOOP, p99, ms, ten mailboxes and a forward of 1 GB on loopback, upload",
      "25.00",
      false,
    ]);
    assert.equal(verdicts.length, 15);
    const open = lineGoals({ ...found, figures: [] }).filter(({ met }) => met === undefined);
    assert.equal(open.length, 13);
  });

  test("have a row for each program in the report", () => {
    const lines = lineReport(found).split("\n");
    assert.ok(
      lines.includes("| upload, preauth, shared | 200 | **400** (1) | 100 | 400 | **400** | 0.95 |"),
      lines.join("\n"),
    );
    assert.ok(lines.includes("| upload, preauth, shared | 300 | 4.0 | **25.0** | 300 |"), lines.join("\n"));
  });
});

describe("the relay of a line", () => {
  const shape: Shape = { rate: 1, roundTrip: 100, queue: "shallow" };
  /** 10 ms of that line, with the tunnel's own bytes. */
  const datagram = Buffer.alloc(1258);

  test("carries so many bits, delays them, and loses what finds its queue full", async () => {
    const [entry, exit] = [await refusingPort(), await refusingPort()];
    const file = fileURLToPath(new URL("../../../bench/line/relay.ts", import.meta.url));
    const child = fork(file, [String(entry), String(exit)], { execArgv: ["--import", "tsx"] });
    const [sender, receiver] = [createSocket("udp4"), createSocket("udp4")];
    try {
      await within(once(child, "message"), "the relay");
      child.send(shape);
      await within(once(child, "message"), "the relay");
      await new Promise<void>((resolve) => receiver.bind(exit, "127.0.0.1", resolve));
      const arrived = arrivals(receiver);
      const began = performance.now();
      for (let count = 0; count < 40; count++) sender.send(datagram, entry, "127.0.0.1");
      await within(once(receiver, "message"), "the first datagram");
      // Half a round trip, and its own time on the line.
      assert.ok((arrived[0] ?? 0) - began >= 59, `${(arrived[0] ?? 0) - began} ms`);
      // 20 kB wait at most: sixteen of them, and the one before. The sender may be slow.
      await poll(() => arrived.length >= 17, "what the queue holds");
      await new Promise((resolve) => setTimeout(resolve, 200));
      assert.ok(arrived.length < 30, `${arrived.length} of 40`);
      // From the sending on: whoever is slow to look at the first only seems to get the rest faster.
      const span = (arrived.at(-1) ?? 0) - began;
      assert.ok(span >= 49 + 10 * arrived.length, `${arrived.length} in ${span} ms`);
    } finally {
      sender.close();
      receiver.close();
      child.disconnect();
    }
  });
});

function arrivals(socket: Socket): number[] {
  const times: number[] = [];
  socket.on("message", () => times.push(performance.now()));
  return times;
}
