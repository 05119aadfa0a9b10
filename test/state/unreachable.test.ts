import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { describe, mock, test } from "node:test";
import { Unreachable } from "../../src/state/unreachable.ts";
import { makeTemporary, removeTemporary } from "../peers/temporary.ts";

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
      assert.equal(memory.recall(server), undefined);
      memory.remember(server, "connecting took longer than 10 s");
      assert.equal(memory.recall(server), "connecting took longer than 10 s");
      assert.equal(memory.recall({ ...server, port: 2222 }), undefined);
      assert.equal(memory.recall({ ...server, host: "other.example.org" }), undefined);
      mock.timers.setTime(1_029_999);
      assert.equal(memory.recall(server), "connecting took longer than 10 s");
      mock.timers.setTime(1_030_000);
      assert.equal(memory.recall(server), undefined);
    }));

  test("does not reach back from a clock that was put back", () =>
    withMemory((memory) => {
      memory.remember(server, "x");
      mock.timers.setTime(999_999);
      assert.equal(memory.recall(server), undefined);
    }));

  test("ends on another network", () =>
    withMemory((memory, directory) => {
      memory.remember(server, "x");
      const [name = ""] = fs.readdirSync(path.join(directory, "unreachable"));
      const file = path.join(directory, "unreachable", name);
      const record = JSON.parse(fs.readFileSync(file, "utf8"));
      fs.writeFileSync(file, JSON.stringify({ ...record, network: "192.0.2.1" }));
      assert.equal(memory.recall(server), undefined);
    }));

  test("can be cleared", () =>
    withMemory((memory) => {
      memory.remember(server, "x");
      memory.forget(server);
      memory.forget(server);
      assert.equal(memory.recall(server), undefined);
    }));

  test("takes a damaged file, or no directory, for no memory", () =>
    withMemory((memory, directory) => {
      memory.remember(server, "x");
      const [name = ""] = fs.readdirSync(path.join(directory, "unreachable"));
      for (const text of ["", "{", "null", '{"at":"soon"}', "[]"]) {
        fs.writeFileSync(path.join(directory, "unreachable", name), text);
        assert.equal(memory.recall(server), undefined);
      }
      fs.rmSync(path.join(directory, "unreachable"), { recursive: true });
      fs.writeFileSync(path.join(directory, "unreachable"), "");
      memory.remember(server, "x");
      memory.forget(server);
      assert.equal(memory.recall(server), undefined);
    }));
});
