import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { readAccount } from "../../src/ssh/account.ts";
import { accountIn } from "../../src/ssh/passwd.ts";

const PASSWD =
  "root:x:0:0:root:/root:/bin/sh\n#no\njd:x:1000:1000:J. D.,,,:/home/jd:/bin/csh\nalso:x:1000:1::/other:\n";

test("the first entry of a uid counts", () => {
  assert.deepEqual(accountIn(PASSWD, 1000), { user: "jd", home: "/home/jd" });
  assert.equal(accountIn(PASSWD, 1), undefined);
  assert.equal(accountIn("", 0), undefined);
});

test("the caller's account is the password file's, whatever the environment says", () => {
  const uid = process.getuid?.() ?? 0;
  const [user, , , , , home] = execFileSync("getent", ["passwd", String(uid)], { encoding: "utf8" }).split(
    ":",
  );
  const { USER, LOGNAME, HOME } = process.env;
  try {
    Object.assign(process.env, { USER: "somebody", LOGNAME: "somebody", HOME: "/somewhere" });
    assert.deepEqual(readAccount(uid), { user, home });
  } finally {
    for (const [name, value] of Object.entries({ USER, LOGNAME, HOME })) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
});

test("a uid without an entry has an account all the same", () => {
  assert.ok(readAccount(987654).user.length > 0);
});
