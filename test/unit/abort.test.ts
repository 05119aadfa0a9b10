import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { bounded, Follower, onAbort, orAborted, whenAborted } from "../../src/abort.ts";

test("a follower's signal is aborted with any other, for its reason, and not after release()", () => {
  const [one, other] = [new AbortController(), new AbortController()];
  const [follower, released] = [
    new Follower(one.signal, other.signal),
    new Follower(one.signal, other.signal),
  ];
  released.release();
  other.abort("over");
  assert.equal(follower.signal.reason, "over");
  assert.equal(released.signal.aborted, false);
  assert.equal(one.signal.aborted, false);
  assert.equal(new Follower(other.signal).signal.reason, "over", "where it has been aborted before");
});

test("a follower is told whatever garbage is collected, also of a timeout and of another follower", async () => {
  const collect = collector();
  const over = new AbortController();
  // Nobody else keeps the process up: the timer of AbortSignal.timeout() does not.
  const alive = setInterval(() => {}, 60_000);
  const told = Array.from({ length: 50 }, () => {
    const ofTimeout = new Follower(AbortSignal.timeout(50), new AbortController().signal);
    const ofFollower = new Follower(new Follower(over.signal).signal, new AbortController().signal);
    return [whenAborted(ofTimeout.signal), whenAborted(ofFollower.signal)];
  });
  for (let times = 0; times < 3; times++) {
    collect();
    await new Promise(setImmediate);
  }
  over.abort();
  await Promise.all(told.flat());
  clearInterval(alive);
});

test("onAbort() tells once, at once where it is over already, and not after it was stopped", () => {
  const over = new AbortController();
  const told: string[] = [];
  onAbort(over.signal, () => told.push("one"));
  onAbort(over.signal, () => told.push("stopped"))();
  over.abort();
  onAbort(over.signal, () => told.push("late"));
  assert.deepEqual(told, ["one", "late"]);
});

test("orAborted() gives the promise's outcome, or the signal's reason", async () => {
  const over = new AbortController();
  assert.equal(await orAborted(Promise.resolve(1), over.signal), 1);
  const waiting = orAborted(new Promise(() => {}), over.signal);
  over.abort(new Error("over"));
  await assert.rejects(waiting, /over/);
  await assert.rejects(orAborted(new Promise(() => {}), over.signal), /over/);
});

test("bounded() ends what takes too long, or what is no longer wanted", async () => {
  const over = new AbortController();
  const reason = (signal: AbortSignal) => whenAborted(signal).then(() => String(signal.reason));
  assert.match(await bounded(10, over.signal, reason), /took longer than 10 ms/);
  const waiting = bounded(60_000, over.signal, reason);
  over.abort("no longer");
  assert.equal(await waiting, "no longer");
});

/** V8's own garbage collector, which Node shows only where it is asked to. */
function collector(): () => void {
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc") as () => void;
}
