import { Failure } from "../failure.ts";

/** What an error says, for a line that names its subject already. */
export function reasonOf(error: unknown): string {
  if (error instanceof Failure) return error.what;
  return error instanceof Error ? error.message : String(error);
}

/** What was thrown, as a Failure for who is not told of the program's own errors. */
export function asFailure(error: unknown): Failure {
  return error instanceof Failure ? error : new Failure("bug", "preauth", "internal error, see the log");
}
