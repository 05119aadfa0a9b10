import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { readAccount, readHomes } from "../../../src/target/account.ts";
import { accountIn } from "../../../src/target/passwd.ts";
import { makeTemporary, removeTemporary } from "../../peers/temporary.ts";
import { within } from "../../peers/waiting.ts";
import { never } from "../ssh/fixtures.ts";

const PASSWD =
  "root:x:0:0:root:/root:/bin/sh\n#no\njd:x:1000:1000:J. D.,,,:/home/jd:/bin/csh\nalso:x:1000:1::/other:\n";

test("the first entry of a uid counts", () => {
  assert.deepEqual(accountIn(PASSWD, 1000), { user: "jd", home: "/home/jd" });
  assert.equal(accountIn(PASSWD, 1), undefined);
  assert.equal(accountIn("", 0), undefined);
});

test("a line of macOS's `id -P`, which has more fields, is read as well", () => {
  const line = "jane:********:501:20::0:0:Jane Doe:/Users/jane:/bin/zsh\n";
  assert.deepEqual(accountIn(line, 501), { user: "jane", home: "/Users/jane" });
});

test("the caller's account is the password file's, whatever the environment says", async () => {
  const uid = process.getuid?.() ?? 0;
  const [user, , , , , home] = execFileSync("getent", ["passwd", String(uid)], { encoding: "utf8" }).split(
    ":",
  );
  const { USER, LOGNAME, HOME } = process.env;
  try {
    Object.assign(process.env, { USER: "somebody", LOGNAME: "somebody", HOME: "/somewhere" });
    assert.deepEqual(await readAccount(uid, never()), { user, home });
  } finally {
    for (const [name, value] of Object.entries({ USER, LOGNAME, HOME })) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
});

test("a uid without an entry has an account all the same", async () => {
  assert.ok((await readAccount(987654, never())).user.length > 0);
});

test("a directory service that hangs holds up nothing else, and is given up with the signal", async () => {
  const folder = makeTemporary();
  const { PATH } = process.env;
  try {
    writeFileSync(join(folder, "getent"), "#!/bin/sh\nexec sleep 1000\n");
    chmodSync(join(folder, "getent"), 0o755);
    process.env.PATH = `${folder}:${PATH}`;
    const controller = new AbortController();
    const asked = readAccount(987654, controller.signal);
    const reason = new Error("enough");
    setImmediate(() => controller.abort(reason));
    await assert.rejects(within(asked, "the end", undefined, 1000), (error) => error === reason);
  } finally {
    process.env.PATH = PATH;
    removeTemporary(folder);
  }
});

test("homes of other users are found, and those of nobody are not", async () => {
  const homes = await readHomes(["~root/x", "~nobody-of-that-name/x", "~/x", "/x", "~root"], never());
  assert.deepEqual([...homes], [["root", "/root"]]);
});
