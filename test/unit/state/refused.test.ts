import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { describe, mock, test } from "node:test";
import { Refused } from "../../../src/state/refused.ts";
import { makeTemporary, removeTemporary } from "../../peers/temporary.ts";

const server = { host: "imap.example.org", port: 22, user: "jane", proxyCommand: undefined };
const keys = ["SHA256:a", "SHA256:b"];
const refusal = { what: "jane not let in", hints: ["ask the postmaster"] };

function withMemory(body: (memory: Refused, directory: string) => void): void {
  const directory = makeTemporary();
  const now = Date.now();
  mock.timers.enable({ apis: ["Date"], now });
  try {
    body(new Refused(directory, 7), directory);
  } finally {
    mock.timers.reset();
    removeTemporary(directory);
  }
}

function filesIn(directory: string): readonly string[] {
  return fs.readdirSync(path.join(directory, "refused"));
}

describe("the memory of refused logins", () => {
  test("holds for a minute, and tells how long ago it was and why", () =>
    withMemory((memory) => {
      assert.equal(memory.has(server), false);
      assert.equal(memory.recall(server, keys), undefined);
      memory.remember(server, keys, refusal);
      assert.equal(memory.has(server), true);
      mock.timers.tick(59_999);
      assert.deepEqual(memory.recall(server, keys), { ...refusal, age: 59_999 });
      mock.timers.tick(1);
      assert.equal(memory.recall(server, keys), undefined);
    }));

  test("holds for the same server, user and keys, in whatever order these come", () =>
    withMemory((memory) => {
      memory.remember(server, keys, refusal);
      assert.equal(memory.recall(server, [...keys].reverse())?.what, refusal.what);
      assert.equal(memory.recall(server, ["SHA256:a"]), undefined);
      assert.equal(memory.recall(server, [...keys, "SHA256:c"]), undefined);
      for (const other of [{ port: 2222 }, { host: "x" }, { user: "joe" }, { proxyCommand: "nc x 22" }]) {
        assert.equal(memory.recall({ ...server, ...other }, keys), undefined);
        assert.equal(memory.has({ ...server, ...other }), false);
      }
    }));

  test("is cleared for a server and user, with whatever keys", () =>
    withMemory((memory) => {
      memory.remember(server, keys, refusal);
      memory.remember(server, [], refusal);
      memory.remember({ ...server, user: "joe" }, keys, refusal);
      memory.forget(server);
      assert.equal(memory.has(server), false);
      assert.equal(memory.has({ ...server, user: "joe" }), true);
    }));

  test("does not reach back from a clock that was put back", () =>
    withMemory((memory) => {
      memory.remember(server, keys, refusal);
      mock.timers.setTime(Date.now() - 1);
      assert.equal(memory.recall(server, keys), undefined);
    }));

  test("stays small: what is over is removed, and a long reason is cut", () =>
    withMemory((memory, directory) => {
      for (let n = 0; n < 20; n++) memory.remember(server, [`SHA256:${n}`], refusal);
      assert.equal(filesIn(directory).length, 20);
      mock.timers.tick(61_000);
      const hints = Array.from({ length: 100 }, () => "x");
      memory.remember(server, keys, { what: "x".repeat(100_000), hints });
      const [name = "", ...others] = filesIn(directory);
      assert.deepEqual(others, []);
      const { size, mode } = fs.statSync(path.join(directory, "refused", name));
      assert.ok(size < 2000);
      assert.equal(mode & 0o777, 0o600);
    }));

  test("lets one at a time claim a login, until it is given back or 4 s have passed", () =>
    withMemory((memory, directory) => {
      const other = new Refused(directory, 8);
      assert.equal(memory.claim(server, keys), true);
      assert.equal(other.claim(server, keys), false);
      assert.equal(other.isClaimed(server, keys), true);
      assert.equal(other.claim(server, ["SHA256:c"]), true);
      assert.equal(memory.has(server), false);
      memory.release(server, keys);
      assert.equal(other.claim(server, keys), true);
      mock.timers.tick(5000);
      assert.equal(memory.isClaimed(server, keys), false);
      assert.equal(memory.claim(server, keys), true);
    }));

  test("lets everybody try where nothing can be written", () =>
    withMemory((memory, directory) => {
      fs.writeFileSync(path.join(directory, "refused"), "");
      assert.equal(memory.claim(server, keys), true);
      assert.equal(memory.claim(server, keys), true);
      assert.equal(memory.isClaimed(server, keys), false);
    }));

  test("takes a damaged file, or no directory, for no memory", () =>
    withMemory((memory, directory) => {
      memory.remember(server, keys, refusal);
      const [name = ""] = filesIn(directory);
      for (const text of ["", "{", "null", '{"at":"soon"}', "[]", '{"at":1,"what":"x","hints":[1]}']) {
        fs.writeFileSync(path.join(directory, "refused", name), text);
        assert.equal(memory.recall(server, keys), undefined);
      }
      fs.rmSync(path.join(directory, "refused"), { recursive: true });
      fs.writeFileSync(path.join(directory, "refused"), "");
      memory.remember(server, keys, refusal);
      memory.forget(server);
      assert.equal(memory.recall(server, keys), undefined);
    }));
});
