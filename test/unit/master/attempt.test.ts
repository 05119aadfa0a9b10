import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { describe, it } from "node:test";
import { Attempt } from "../../../src/master/attempt.ts";

/** An attempt that comes to what the test says. */
class Trial {
  times = 0;
  given: AbortSignal | undefined;
  resolve: (value: string) => void = () => {};
  reject: (error: Error) => void = () => {};
  readonly attempt = new Attempt<string>((signal, progress) => {
    this.times++;
    this.given = signal;
    progress.begin("auth", "logging in to mail.test");
    return new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  });
}

describe("an attempt that several wait for", () => {
  it("is made once, and its outcome is for all of them", async () => {
    const trial = new Trial();
    const waiting = [1, 2, 3].map(() => trial.attempt.wait(new AbortController().signal));
    trial.resolve("open");
    assert.deepEqual(await Promise.all(waiting), ["open", "open", "open"]);
    assert.equal(await trial.attempt.wait(new AbortController().signal), "open");
    assert.equal(trial.times, 1);
  });

  it("fails for all of them with the same error", async () => {
    const trial = new Trial();
    const waiting = [1, 2].map(() => trial.attempt.wait(new AbortController().signal));
    trial.reject(new Error("refused"));
    for (const one of await Promise.allSettled(waiting)) {
      assert.equal(one.status === "rejected" && one.reason.message, "refused");
    }
  });

  it("goes on when one of them leaves, who hears his own reason", async () => {
    const trial = new Trial();
    const leaving = new AbortController();
    const one = trial.attempt.wait(leaving.signal);
    const other = trial.attempt.wait(new AbortController().signal);
    leaving.abort(new Error("left"));
    await assert.rejects(one, /^Error: left$/);
    assert.equal(trial.attempt.isGivenUp, false);
    trial.resolve("open");
    assert.equal(await other, "open");
  });

  it("is given up when the last one leaves", async () => {
    const trial = new Trial();
    const leaving = [new AbortController(), new AbortController()];
    const waiting = leaving.map(({ signal }) => trial.attempt.wait(signal));
    for (const one of leaving) one.abort(new Error("left"));
    await Promise.allSettled(waiting);
    assert.equal(trial.attempt.isGivenUp, true);
    assert.equal(trial.given?.reason.message, "left");
    // Its failure, which nobody waits for, must not end the process.
    trial.reject(new Error("given up"));
    await new Promise((resolve) => setImmediate(resolve));
  });

  it("is not waited for by one who has left before", async () => {
    const trial = new Trial();
    await assert.rejects(trial.attempt.wait(AbortSignal.abort(new Error("left"))), /^Error: left$/);
  });

  it("leaves no listener at a signal", async () => {
    const trial = new Trial();
    const { signal } = new AbortController();
    const waiting = trial.attempt.wait(signal);
    assert.equal(getEventListeners(signal, "abort").length, 1);
    trial.resolve("open");
    await waiting;
    assert.equal(getEventListeners(signal, "abort").length, 0);
  });

  it("says how far it has come", () => {
    assert.equal(new Trial().attempt.progress.doing, "logging in to mail.test");
  });
});
