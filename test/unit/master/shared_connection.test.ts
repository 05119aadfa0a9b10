import assert from "node:assert/strict";
import { test } from "node:test";
import { Failure } from "../../../src/failure.ts";
import { isStarted, SharedConnection } from "../../../src/master/shared_connection.ts";
import { Progress } from "../../../src/progress.ts";
import type { Connected } from "../../../src/session/opening.ts";
import { decisionWith } from "./decisions.ts";
import { Mailbox } from "./mailboxes.ts";

/** A connection whose server closes the next session when its command has come, and with `hasAhead` had opened it before. */
function closing(hasAhead: boolean): {
  readonly shared: SharedConnection;
  /** Callers for whom downloads make way. */
  waiting(): number;
  next(): Mailbox;
} {
  let mailbox = new Mailbox();
  let waiting = 0;
  const connection = {
    closed: new Promise(() => {}),
    received: 0,
    hasAhead,
    ping: () => true,
    makeWay: () => {
      waiting++;
      return () => waiting--;
    },
    exec: async () => mailbox,
  };
  const target = { watching: { value: { interval: 1_000, most: 3 } } };
  const shared = new SharedConnection({ connection, target } as unknown as Connected, () => {});
  const next = (): Mailbox => {
    mailbox = new Mailbox();
    return mailbox;
  };
  next();
  mailbox.end({ kind: "lost", why: "the server closed the channel" });
  return { shared, next, waiting: () => waiting };
}

function open(shared: SharedConnection): ReturnType<SharedConnection["open"]> {
  const { signal } = new AbortController();
  const options = { progress: new Progress(), onRemark: () => {} };
  return shared.open(decisionWith(), "exec imapd", options, signal);
}

test("a session that was opened ahead and is closed before its greeting leaves the call to another one", async () => {
  const { shared, next } = closing(true);
  assert.deepEqual(await open(shared), { kind: "stale" });
  assert.equal(shared.isUsable, true);
  next().say("* PREAUTH ready\r\n");
  assert.ok(isStarted(await open(shared)));
  shared.liveness.stop();
});

test("a session that was opened for its command and is closed before its greeting is the end of the call", async () => {
  const { shared } = closing(false);
  await assert.rejects(open(shared), (error) => error instanceof Failure && error.trouble === "lost");
  shared.liveness.stop();
});

test("downloads make way for who waits for a session, until it has greeted or has failed", async () => {
  const { shared, next, waiting } = closing(false);
  const failing = open(shared);
  assert.equal(waiting(), 1);
  await failing.catch(() => {});
  assert.equal(waiting(), 0);
  const mailbox = next();
  const opening = open(shared);
  await new Promise(setImmediate);
  assert.equal(waiting(), 1);
  mailbox.say("* PREAUTH ready\r\n");
  await opening;
  assert.equal(waiting(), 0);
  shared.liveness.stop();
});
