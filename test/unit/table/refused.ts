import assert from "node:assert/strict";
import { TableFailure } from "../../../src/table/failure.ts";
import { parseTable } from "../../../src/table/schema.ts";

/** The problems of a table that is wrong, without the name of the file. */
export async function problems(text: string): Promise<readonly string[]> {
  const failure = await parseTable(text, "hosts.toml").then(
    () => assert.fail("the table should be refused"),
    (error: unknown) => error,
  );
  assert.ok(failure instanceof TableFailure, String(failure));
  assert.equal(failure.trouble, "table");
  assert.equal(failure.status, 78);
  assert.equal(failure.missing, false);
  assert.equal(`${failure.subject}: ${failure.what}`, failure.problems[0]);
  return failure.problems.map((line) => line.replace(/^hosts\.toml:/, ""));
}

/** The problem of one line in the [[host]] of a table that is right but for it: line 3. */
export async function hostProblem(line: string): Promise<string> {
  const [problem = "", ...others] = await problems(`[[host]]\nmatch = "h"\n${line}\n`);
  assert.deepEqual(others, []);
  return problem;
}

/** The problem of one line in a [[forward]] that is right but for it: line 2. */
export async function forwardProblem(line: string): Promise<string> {
  const lines = ['name = "n"', "listen = 2025", 'to = "h:25"'];
  const others = lines.filter((other) => !other.startsWith(`${line.split(" ")[0]} `));
  const [problem = "", ...rest] = await problems(`[[forward]]\n${line}\n${others.join("\n")}\n`);
  assert.deepEqual(rest, []);
  return problem;
}
