import { Failure } from "../failure.ts";

/** What an error says, for a line that names its subject already. */
export function reasonOf(error: unknown): string {
  if (error instanceof Failure) return error.what;
  return error instanceof Error ? error.message : String(error);
}
