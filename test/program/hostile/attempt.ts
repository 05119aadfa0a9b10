import assert from "node:assert/strict";
import { Failure } from "../../../src/failure.ts";
import { asciiLine, escapeControls } from "../../../src/report/printable.ts";
import type { Target } from "../../../src/target/target.ts";
import { within } from "../../peers/waiting.ts";
import { connectTo, newStory } from "../../unit/ssh/fixtures.ts";
import { RAW } from "./fuzz.ts";

/** What is aborted with when the time of an attempt is up. */
export const LATE = new Failure("deadline", "mail.test", "out of time");

/** Milliseconds that a connection may take to end after it has been given up. */
const PATIENCE = 2000;

/**
 * Connects to a hostile server, for so many milliseconds at most, and gives the failure that comes of it: always one
 * that is told to the user, and in words that can be printed. Anything else that is thrown, and a hang, fails.
 */
export async function attempt(target: Target, limit: number): Promise<Failure> {
  const ends = new AbortController();
  const timer = setTimeout(() => ends.abort(LATE), limit);
  const story = newStory();
  try {
    const connecting = connectTo(target, story, ends.signal).then(
      (connection) => {
        connection.end();
        throw new assert.AssertionError({ message: "the server was let through" });
      },
      (error: unknown) => error,
    );
    const error = await within(connecting, "the end of a connection", undefined, limit + PATIENCE);
    if (!(error instanceof Failure)) throw error;
    assert.notEqual(error.trouble, "bug");
    const lines = [error.subject, error.what, ...error.hints, ...story.notes, ...story.banners];
    for (const line of lines) assert.doesNotMatch(escapeControls(line), RAW);
    assert.match(asciiLine(error.what, 400), /^[ -~]{0,400}$/);
    return error;
  } finally {
    clearTimeout(timer);
  }
}

/** Runs `work` with every error that nobody catches counted against it. */
export async function withoutStrays(work: () => Promise<void>): Promise<void> {
  const strays: unknown[] = [];
  const listener = (error: unknown): void => void strays.push(error);
  process.on("uncaughtException", listener);
  process.on("unhandledRejection", listener);
  try {
    await work();
    // What is thrown in a later turn still counts.
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(strays, []);
  } finally {
    process.off("uncaughtException", listener);
    process.off("unhandledRejection", listener);
  }
}
