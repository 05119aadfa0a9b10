import { Failure } from "../failure.ts";
import { typed } from "../target/by_hand.ts";
import type { Target } from "../target/target.ts";

/** A failure of a command that nobody has a hint for: a login by hand shows what the account does instead of it. */
export function withLook(error: unknown, { byHand }: Pick<Target, "byHand">): unknown {
  if (!(error instanceof Failure) || error.hints.length > 0) return error;
  const { trouble, subject, what, status } = error;
  if (trouble !== "command" && trouble !== "deadline") return error;
  const hints = [`see what the account does by itself: ${typed("ssh", ...byHand)}`];
  return new Failure(trouble, subject, what, { status, hints, cause: error });
}
