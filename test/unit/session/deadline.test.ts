import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { Person } from "../../../src/person.ts";
import { Deadline, outOfTime } from "../../../src/session/deadline.ts";

const NEVER = new AbortController().signal;

/** A person whose answers come when the test gives them, and a deadline of 10 s in the time of the test. */
function scene(t: TestContext) {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  let expiries = 0;
  const deadline = new Deadline(10_000, () => {
    expiries++;
  });
  let answer = (_line: string): void => {};
  const person: Person = {
    tell: () => {},
    ask: () => new Promise((resolve) => (answer = resolve)),
  };
  const ask = () => deadline.patient(person).ask("?", { echo: true, signal: NEVER });
  return {
    deadline,
    ask,
    answer: (line: string) => answer(line),
    pass: (ms: number) => t.mock.timers.tick(ms),
    expiries: () => expiries,
  };
}

test("the first 60 columns of Alpine tell that it timed out, behind a name of 31 letters", () => {
  const server = "imap.physics.university.example";
  const failure = outOfTime(server, `waiting for the SSH server of ${server}`, 10_000);
  const shown = `preauth: ${failure.subject}: ${failure.what}`;
  assert.equal(shown.slice(0, 60), `preauth: ${server}: timed out waiting `);
  assert.equal(failure.what, `timed out waiting for the SSH server of ${server} after 10 s`);
});

test("a deadline expires once, when its time has passed", (t) => {
  const { pass, expiries } = scene(t);
  pass(9_999);
  assert.equal(expiries(), 0);
  pass(1);
  assert.equal(expiries(), 1);
  pass(60_000);
  assert.equal(expiries(), 1);
});

test("a deadline stands still while somebody is asked, and goes on with the answer", async (t) => {
  const { ask, answer, pass, expiries } = scene(t);
  for (const line of ["one", "two"]) {
    const answered = ask();
    pass(3_600_000);
    assert.equal(expiries(), 0);
    answer(line);
    assert.equal(await answered, line);
  }
  pass(10_000);
  assert.equal(expiries(), 1);
});

test("a deadline that has ended does not expire, not even when a question is given up after it", async (t) => {
  const { deadline, ask, answer, pass, expiries } = scene(t);
  const answered = ask();
  deadline.end();
  answer("late");
  await answered;
  pass(60_000);
  assert.equal(expiries(), 0);
});
