import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { describe, mock, test } from "node:test";
import { Unreachable } from "../../../src/state/unreachable.ts";
import { makeTemporary, removeTemporary } from "../../peers/temporary.ts";

const server = { host: "imap.example.org", port: 22 };

function withMemory(body: (memory: Unreachable, directory: string) => void): void {
  const directory = makeTemporary();
  mock.timers.enable({ apis: ["Date"], now: 1_000_000 });
  try {
    body(new Unreachable(directory, 7), directory);
  } finally {
    mock.timers.reset();
    removeTemporary(directory);
  }
}

describe("the memory of servers that said nothing", () => {
  test("holds for 30 s, for the same address and port", () =>
    withMemory((memory) => {
      assert.equal(memory.recall(server, 10_000), undefined);
      memory.remember(server, 9000, "timed out connecting after 10 s");
      assert.equal(memory.recall(server, 10_000), "timed out connecting after 10 s");
      assert.equal(memory.recall({ ...server, port: 2222 }, 10_000), undefined);
      assert.equal(memory.recall({ ...server, host: "other.example.org" }, 10_000), undefined);
      mock.timers.setTime(1_029_999);
      assert.equal(memory.recall(server, 10_000), "timed out connecting after 10 s");
      mock.timers.setTime(1_030_000);
      assert.equal(memory.recall(server, 10_000), undefined);
    }));

  test("counts only where the server had at least half of the time that a call can still give it", () =>
    withMemory((memory) => {
      memory.remember(server, 1000, "x");
      assert.equal(memory.recall(server, 10_000), undefined);
      assert.equal(memory.recall(server, 2001), undefined);
      assert.equal(memory.recall(server, 2000), "x");
    }));

  test("does not reach back from a clock that was put back", () =>
    withMemory((memory) => {
      memory.remember(server, 9000, "x");
      mock.timers.setTime(999_999);
      assert.equal(memory.recall(server, 10_000), undefined);
    }));

  test("ends on another network", () =>
    withMemory((memory, directory) => {
      memory.remember(server, 9000, "x");
      const [name = ""] = fs.readdirSync(path.join(directory, "unreachable"));
      const file = path.join(directory, "unreachable", name);
      const record = JSON.parse(fs.readFileSync(file, "utf8"));
      fs.writeFileSync(file, JSON.stringify({ ...record, network: "192.0.2.1" }));
      assert.equal(memory.recall(server, 10_000), undefined);
    }));

  test("holds the time, the reason and the machine's addresses, for its owner only", () =>
    withMemory((memory, directory) => {
      memory.remember(server, 9000, "timed out connecting after 10 s");
      const all = fs
        .readdirSync(directory, { recursive: true })
        .map((name) => path.join(directory, String(name)));
      const files = all.filter((file) => fs.statSync(file).isFile());
      assert.equal(files.length, 1);
      for (const file of files) {
        const record: object = JSON.parse(fs.readFileSync(file, "utf8"));
        assert.deepEqual(Object.keys(record).sort(), ["at", "had", "network", "what"]);
        assert.equal(fs.statSync(file).mode & 0o777, 0o600);
      }
    }));

  test("can be cleared", () =>
    withMemory((memory) => {
      memory.remember(server, 9000, "x");
      memory.forget(server);
      memory.forget(server);
      assert.equal(memory.recall(server, 10_000), undefined);
    }));

  test("takes a damaged file, or no directory, for no memory", () =>
    withMemory((memory, directory) => {
      memory.remember(server, 9000, "x");
      const [name = ""] = fs.readdirSync(path.join(directory, "unreachable"));
      for (const text of ["", "{", "null", '{"at":"soon"}', "[]"]) {
        fs.writeFileSync(path.join(directory, "unreachable", name), text);
        assert.equal(memory.recall(server, 10_000), undefined);
      }
      fs.rmSync(path.join(directory, "unreachable"), { recursive: true });
      fs.writeFileSync(path.join(directory, "unreachable"), "");
      memory.remember(server, 9000, "x");
      memory.forget(server);
      assert.equal(memory.recall(server, 10_000), undefined);
    }));
});
