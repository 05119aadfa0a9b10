import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { describe, mock, test } from "node:test";
import type { Failure } from "../../../src/failure.ts";
import type { Access } from "../../../src/state/access.ts";
import { Refused } from "../../../src/state/refused.ts";
import { makeTemporary, removeTemporary } from "../../peers/temporary.ts";

const server = { host: "imap.example.org", port: 22, user: "jane", proxyCommand: undefined };
const keys = ["SHA256:a", "SHA256:b"];
const refusal = { what: "jane not let in", hints: ["ask the postmaster"] };

type Memory = (access?: Partial<Access>, pid?: number) => Refused;

/** `memory()` is what a call remembers, of another server or by another process where these are given. */
function withMemory(body: (memory: Memory, directory: string) => void | Promise<void>): () => Promise<void> {
  return async () => {
    const directory = makeTemporary();
    mock.timers.enable({ apis: ["Date"], now: Date.now() });
    const options = { server: "mail", isHeeded: true };
    try {
      await body(
        (access, pid = 7) => new Refused(directory, pid, { ...server, ...access }, options),
        directory,
      );
    } finally {
      mock.timers.reset();
      removeTemporary(directory);
    }
  };
}

/** What recall() throws; undefined where it does not. */
function recalled(memory: Refused, which = keys): Failure | undefined {
  try {
    memory.recall(which);
    return undefined;
  } catch (error) {
    return error as Failure;
  }
}

/** Whether a login may begin at once. */
async function mayEnter(memory: Refused, which = keys): Promise<boolean> {
  return memory.enter(which, AbortSignal.abort(new Error("waits"))).then(
    () => true,
    (error: Error) => assert.equal(error.message, "waits") ?? false,
  );
}

function filesIn(directory: string): readonly string[] {
  return fs.readdirSync(path.join(directory, "refused"));
}

describe("the memory of refused logins", () => {
  test(
    "holds for a minute, and tells how long ago it was and why",
    withMemory((memory) => {
      assert.equal(memory().mayHold, false);
      assert.equal(recalled(memory()), undefined);
      memory().remember(keys, refusal);
      assert.equal(memory().mayHold, true);
      mock.timers.tick(59_499);
      const { trouble, subject, what, hints } = recalled(memory()) ?? assert.fail("it does not hold");
      assert.deepEqual([trouble, subject], ["auth", "mail"]);
      assert.equal(what, "jane not let in (59 s ago, and not tried again within a minute)");
      assert.deepEqual(hints, ["ask the postmaster", "try at once: preauth --check mail"]);
      mock.timers.tick(500);
      assert.notEqual(recalled(memory()), undefined);
      mock.timers.tick(1);
      assert.equal(recalled(memory()), undefined);
    }),
  );

  test(
    "holds for the same server, user and keys, in whatever order these come",
    withMemory((memory) => {
      memory().remember(keys, refusal);
      assert.notEqual(recalled(memory(), [...keys].reverse()), undefined);
      assert.equal(recalled(memory(), ["SHA256:a"]), undefined);
      assert.equal(recalled(memory(), [...keys, "SHA256:c"]), undefined);
      for (const other of [{ port: 2222 }, { host: "x" }, { user: "joe" }, { proxyCommand: "nc x 22" }]) {
        assert.equal(recalled(memory(other)), undefined);
        assert.equal(memory(other).mayHold, false);
      }
    }),
  );

  test(
    "is cleared for a server and user, with whatever keys, by a call that does not heed it",
    withMemory((memory, directory) => {
      memory().remember(keys, refusal);
      memory().remember([], refusal);
      memory({ user: "joe" }).remember(keys, refusal);
      memory().forget();
      assert.equal(memory().mayHold, true);
      const checking = new Refused(directory, 7, server, { server: "mail", isHeeded: false });
      assert.equal(checking.mayHold, false);
      checking.forget();
      assert.equal(memory().mayHold, false);
      assert.equal(memory({ user: "joe" }).mayHold, true);
    }),
  );

  test(
    "does not reach back from a clock that was put back",
    withMemory((memory) => {
      memory().remember(keys, refusal);
      mock.timers.setTime(Date.now() - 1);
      assert.equal(recalled(memory()), undefined);
    }),
  );

  test(
    "stays small: what is over is removed, and a long reason is cut",
    withMemory((memory, directory) => {
      for (let n = 0; n < 20; n++) memory().remember([`SHA256:${n}`], refusal);
      assert.equal(filesIn(directory).length, 20);
      mock.timers.tick(61_000);
      const hints = Array.from({ length: 100 }, () => "x");
      memory().remember(keys, { what: "x".repeat(100_000), hints });
      const [name = "", ...others] = filesIn(directory);
      assert.deepEqual(others, []);
      const { size, mode } = fs.statSync(path.join(directory, "refused", name));
      assert.ok(size < 2000);
      assert.equal(mode & 0o777, 0o600);
    }),
  );

  test(
    "lets one at a time try a login, until it leaves or 4 s have passed",
    withMemory(async (memory) => {
      const [one, other] = [memory(), memory({}, 8)];
      assert.equal(await mayEnter(one), true);
      assert.equal(await mayEnter(other), false);
      assert.equal(await mayEnter(other, ["SHA256:c"]), true);
      assert.equal(memory().mayHold, false);
      one.leave();
      const next = memory({}, 9);
      assert.equal(await mayEnter(next), true);
      mock.timers.tick(5000);
      assert.equal(await mayEnter(memory({}, 10)), true);
    }),
  );

  test(
    "tells one that has waited what came of it",
    withMemory(async (memory) => {
      const one = memory();
      await one.enter(keys, new AbortController().signal);
      const waiting = memory({}, 8).enter(keys, new AbortController().signal);
      one.remember(keys, refusal);
      one.leave();
      await assert.rejects(waiting, { trouble: "auth", what: /^jane not let in \(0 s ago/ });
    }),
  );

  test(
    "lets everybody try where nothing can be written",
    withMemory(async (memory, directory) => {
      fs.writeFileSync(path.join(directory, "refused"), "");
      assert.equal(await mayEnter(memory()), true);
      assert.equal(await mayEnter(memory({}, 8)), true);
    }),
  );

  test(
    "takes a damaged file, or no directory, for no memory",
    withMemory((memory, directory) => {
      memory().remember(keys, refusal);
      const [name = ""] = filesIn(directory);
      for (const text of ["", "{", "null", '{"at":"soon"}', "[]", '{"at":1,"what":"x","hints":[1]}']) {
        fs.writeFileSync(path.join(directory, "refused", name), text);
        assert.equal(recalled(memory()), undefined);
      }
      fs.rmSync(path.join(directory, "refused"), { recursive: true });
      fs.writeFileSync(path.join(directory, "refused"), "");
      memory().remember(keys, refusal);
      memory().forget();
      assert.equal(recalled(memory()), undefined);
    }),
  );
});
