import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { describe, mock, test } from "node:test";
import { Familiar } from "../../../src/state/familiar.ts";
import { makeTemporary, removeTemporary } from "../../peers/temporary.ts";

const place = { host: "imap.example.org", port: 22, user: "jane", proxyCommand: undefined };
const login = {
  version: "SSH-2.0-OpenSSH_10.0",
  keys: ["SHA256:abc"],
  algorithm: "ssh-ed25519",
  isBound: true,
};
const DAY = 24 * 60 * 60_000;
const NOW = 1_700_000_000_000;

function withMemory(body: (memory: Familiar, directory: string) => void): void {
  const directory = makeTemporary();
  mock.timers.enable({ apis: ["Date"], now: NOW });
  try {
    body(new Familiar(directory, 7, place), directory);
  } finally {
    mock.timers.reset();
    removeTemporary(directory);
  }
}

/** What is remembered, without what belongs to the file alone. */
function recalled(memory: Familiar): unknown {
  const { version, keys, algorithm, isBound } = memory.recall() ?? {};
  return version === undefined ? undefined : { version, keys, algorithm, isBound };
}

describe("the memory of logins that have worked", () => {
  test("is of one server, port, user and ProxyCommand", () =>
    withMemory((memory, directory) => {
      assert.equal(memory.recall(), undefined);
      memory.remember(login);
      assert.deepEqual(recalled(memory), login);
      assert.deepEqual(recalled(new Familiar(directory, 8, place)), login);
      for (const other of [{ host: "x" }, { port: 23 }, { user: "joe" }, { proxyCommand: "nc %h %p" }]) {
        assert.equal(new Familiar(directory, 7, { ...place, ...other }).recall(), undefined);
      }
      memory.forget();
      memory.forget();
      assert.equal(memory.recall(), undefined);
    }));

  test("lets a server alone for a day that did not bear it, or until it has another version", () =>
    withMemory((memory) => {
      memory.remember(login);
      memory.avoid(login.version);
      assert.equal(memory.recall(), undefined);
      mock.timers.setTime(NOW + DAY - 1);
      memory.remember(login);
      assert.equal(memory.recall(), undefined);
      mock.timers.setTime(NOW + DAY);
      assert.equal(memory.recall(), undefined);
      memory.remember(login);
      assert.deepEqual(recalled(memory), login);
      memory.avoid(login.version);
      memory.remember({ ...login, version: "SSH-2.0-OpenSSH_11.0" });
      assert.deepEqual(recalled(memory), { ...login, version: "SSH-2.0-OpenSSH_11.0" });
      memory.avoid(login.version);
      mock.timers.setTime(NOW - 1);
      memory.remember(login);
      assert.deepEqual(recalled(memory), login);
    }));

  test("holds the version, the keys' fingerprints, the algorithm and a time, for its owner only", () =>
    withMemory((memory, directory) => {
      memory.remember(login);
      const below = fs.readdirSync(directory, { recursive: true });
      const files = below.map((name) => path.join(directory, String(name)));
      const [file = "", ...others] = files.filter((one) => fs.statSync(one).isFile());
      assert.deepEqual(others, []);
      assert.equal(fs.statSync(file).mode & 0o777, 0o600);
      assert.deepEqual(JSON.parse(fs.readFileSync(file, "utf8")), { ...login, avoided: 0 });
    }));

  test("has room for two hundred servers, and forgets the oldest first", () =>
    withMemory((memory, directory) => {
      memory.remember(login);
      const folder = path.join(directory, "familiar");
      const [name = ""] = fs.readdirSync(folder);
      fs.utimesSync(path.join(folder, name), 1, 1);
      for (let port = 1; port <= 250; port++)
        new Familiar(directory, 7, { ...place, port: 1000 + port }).remember(login);
      assert.equal(fs.readdirSync(folder).length, 200);
      assert.equal(memory.recall(), undefined);
    }));

  test("takes a damaged file, or no directory, for no memory", () =>
    withMemory((memory, directory) => {
      memory.remember(login);
      const folder = path.join(directory, "familiar");
      const [name = ""] = fs.readdirSync(folder);
      const huge = JSON.stringify({ ...login, avoided: 0, more: "x".repeat(5000) });
      for (const text of ["", "{", "null", '{"version":1}', "[]", JSON.stringify(login), huge]) {
        fs.writeFileSync(path.join(folder, name), text);
        assert.equal(memory.recall(), undefined, text.slice(0, 40));
      }
      fs.rmSync(folder, { recursive: true });
      fs.writeFileSync(folder, "");
      memory.remember(login);
      memory.avoid(login.version);
      memory.forget();
      assert.equal(memory.recall(), undefined);
    }));
});
