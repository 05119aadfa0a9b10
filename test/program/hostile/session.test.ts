import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Failure } from "../../../src/failure.ts";
import { escapeControls } from "../../../src/report/printable.ts";
import { within } from "../../peers/waiting.ts";
import { connectTo, newStory, targetFor } from "../../unit/ssh/fixtures.ts";
import { LATE, withoutStrays } from "./attempt.ts";
import { cases, mutation, RAW } from "./fuzz.ts";
import { type Servant, startServant } from "./servant.ts";

/** A whole session with a server, for so many milliseconds at most; ends as a value or as a failure to be told. */
async function session(servant: Servant, limit: number): Promise<unknown> {
  const ends = new AbortController();
  const timer = setTimeout(() => ends.abort(LATE), limit);
  const story = newStory();
  const whole = async (): Promise<unknown> => {
    const connection = await connectTo(targetFor(servant), story, ends.signal);
    try {
      const command = await connection.exec("imapd", ends);
      command.stdin.end("A1 NOOP\r\n");
      command.stdout.resume();
      command.stderr.resume();
      const aborted = new Promise<string>((resolve) => {
        if (ends.signal.aborted) resolve("late");
        ends.signal.addEventListener("abort", () => resolve("late"));
      });
      const ended = await Promise.race([command.ended, aborted]);
      command.hangUp();
      return await command.ended.then(() => ended);
    } finally {
      connection.end();
      await connection.closed;
    }
  };
  try {
    return await within(whole(), "the end of a session", undefined, limit + 3000);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    for (const line of [error.what, ...error.hints, ...story.notes])
      assert.doesNotMatch(escapeControls(line), RAW);
    return error;
  } finally {
    clearTimeout(timer);
  }
}

/** How many sessions run at once: most wait until they are given up. */
const AT_ONCE = 10;

test("a known server whose packets were changed anywhere after the exchange of keys breaks nothing", async () => {
  let broken = 0;
  const todo: ((payload: Buffer) => Buffer | undefined)[] = [];
  await using servant = await startServant({
    recognised: (_client, wires) => wires.changePackets(todo.pop() ?? (() => undefined)),
  });
  const one = fc.tuple(mutation, fc.nat(12));
  const several = fc.array(one, { minLength: AT_ONCE, maxLength: AT_ONCE });
  await withoutStrays(() =>
    fc.assert(
      fc.asyncProperty(several, async (changes) => {
        for (const [mutate, which] of changes) {
          let count = 0;
          todo.push((payload) => (count++ === which ? mutate(payload).subarray(0, 30_000) : undefined));
        }
        const ends = await Promise.all(changes.map(() => session(servant, 300)));
        broken += ends.filter((end) => end instanceof Failure).length;
      }),
      cases(20),
    ),
  );
  // Otherwise nothing was changed.
  assert.equal(broken > 50, true, `${broken}`);
});
