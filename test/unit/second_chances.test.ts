import assert from "node:assert/strict";
import { test } from "node:test";
import { Failure } from "../../src/failure.ts";
import { Logins } from "../../src/second_chances.ts";

test("the logins of a call are three, of which only the first may be early", () => {
  const logins = new Logins();
  const first = [1, 2, 3].map(() => {
    const { isFirst } = logins;
    logins.begin("mail.test");
    return isFirst;
  });
  assert.deepEqual(first, [true, false, false]);
  assert.throws(
    () => logins.begin("mail.test"),
    (error) => error instanceof Failure && error.what === "no connection after 3 attempts to log in",
  );
});
