import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { performance } from "node:perf_hooks";
import { test } from "node:test";
import { derive } from "../../../../src/ssh/keys/derive.ts";

const bcrypt = createRequire(import.meta.url)("bcrypt-pbkdf");

const salt = Buffer.from("0123456789abcdef");

test("a key is that of bcrypt_pbkdf, of any length", async () => {
  for (const length of [1, 32, 48, 49]) {
    const { signal } = new AbortController();
    const passphrase = Buffer.from("päss");
    const expected = new Uint8Array(length);
    bcrypt.pbkdf(passphrase, passphrase.length, salt, salt.length, expected, length, 2);
    assert.deepEqual(await derive("päss", { salt, rounds: 2, length, signal }), Buffer.from(expected));
  }
});

test("a key of many rounds is computed beside the event loop", async () => {
  const { signal } = new AbortController();
  const before = performance.eventLoopUtilization();
  await derive("pass", { salt, rounds: 100, length: 48, signal });
  const { utilization } = performance.eventLoopUtilization(before);
  assert.ok(utilization < 0.5, `the loop was busy for ${utilization} of the time`);
});

test("a key that nobody waits for any more is given up, with the reason", async () => {
  const reason = new Error("nobody waits");
  const over = new AbortController();
  const deriving = derive("pass", { salt, rounds: 1_000_000, length: 48, signal: over.signal });
  over.abort(reason);
  await assert.rejects(deriving, reason);
});
