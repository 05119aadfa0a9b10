import { Failure } from "../failure.ts";
import { typed } from "../target/by_hand.ts";

/** A verb is about a SERVER that the table does not have. */
export function notInTable(server: string, file: string): Failure {
  return new Failure("unknown", server, `not in the table ${file}`, {
    hints: ["see what it has: preauth --hosts", `add this one: ${typed("preauth", "--init", server)}`],
  });
}
