import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { offer } from "../../src/ssh/algorithms.ts";
import type { Allowed } from "../../src/ssh/target.ts";
import { type Sshd, startSshd } from "../peers/sshd.ts";
import { connectTo, newStory, targetFor } from "./fixtures.ts";

const all: Allowed = {
  kex: undefined,
  hostKey: undefined,
  cipher: undefined,
  mac: undefined,
  userKey: undefined,
};

let sshd: Sshd;
before(async () => {
  sshd = await startSshd({ hostKeys: ["ed25519", "ecdsa", "rsa"] });
});
after(() => sshd.stop());

function offered(allowed: Allowed = all, known: readonly string[] = []) {
  return offer(targetFor(sshd, { allowed }), new Set(known));
}

/** What the key exchange came to, with only these algorithms allowed. */
async function agreed(allowed: Partial<Allowed>, server: Sshd = sshd): Promise<string> {
  const story = newStory();
  const connection = await connectTo(targetFor(server, { allowed: { ...all, ...allowed } }), story);
  connection.end();
  await connection.closed;
  return story.steps
    .filter(([step]) => step === "kex" || step === "hostkey")
    .map(([, outcome]) => outcome)
    .join("; ");
}

test("nothing that is offered has SHA-1, CBC or group exchange in it", () => {
  const { compress, ...lists } = offered();
  const names = Object.values(lists).flat();
  assert.ok(names.length > 15);
  for (const name of names)
    assert.doesNotMatch(String(name), /sha1|cbc|group-exchange|^ssh-rsa$|ssh-dss|md5/);
  assert.deepEqual(compress, ["none"]);
});

test("types of keys that are known come first, each in its order", () => {
  assert.deepEqual(offered(all, ["ssh-rsa", "ecdsa-sha2-nistp384"]).serverHostKey, [
    "ecdsa-sha2-nistp384",
    "rsa-sha2-512",
    "rsa-sha2-256",
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp521",
  ]);
});

test("what ssh_config does not allow is left out, and nothing left is a failure", () => {
  assert.deepEqual(offered({ ...all, kex: ["sntrup761x25519-sha512", "ecdh-sha2-nistp256"] }).kex, [
    "ecdh-sha2-nistp256",
  ]);
  assert.throws(() => offered({ ...all, kex: ["sntrup761x25519-sha512"] }), {
    trouble: "table",
    what: "ssh_config allows none of the KexAlgorithms there are here",
  });
  const { cipher, hmac } = offered({ ...all, mac: ["umac-64@openssh.com"] });
  assert.ok(!cipher.some((name) => name.endsWith("-ctr")));
  assert.ok(hmac.length > 0);
});

test("every key exchange works", async () => {
  const { kex } = offered();
  for (const name of kex) assert.ok((await agreed({ kex: [name] })).startsWith(`${name}, `), name);
});

test("every cipher works, with every code where it needs one", async () => {
  const { cipher, hmac } = offered();
  for (const name of cipher) assert.match(await agreed({ cipher: [name] }), new RegExp(`, ${name}`));
  for (const mac of hmac) {
    assert.match(await agreed({ cipher: ["aes128-ctr"], mac: [mac] }), new RegExp(`, aes128-ctr, ${mac};`));
  }
});

test("every kind of host key works", async () => {
  const types = ["ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512", "rsa-sha2-256"];
  for (const name of types) {
    const type = name.startsWith("rsa") ? "ssh-rsa" : name;
    assert.match(await agreed({ hostKey: [name] }), new RegExp(`; ${type} SHA256:`));
  }
});

const mismatches = [
  ["KexAlgorithms diffie-hellman-group14-sha1", "no key exchange in common with the server"],
  ["Ciphers aes128-cbc", "no cipher in common with the server"],
  ["HostKeyAlgorithms ssh-rsa", "no type of host key in common with the server"],
] as const;

for (const [line, what] of mismatches) {
  test(`a server with ${line} alone: ${what}`, async () => {
    await using server = await startSshd({ hostKeys: ["rsa"], config: [line] });
    await assert.rejects(agreed({}, server), { trouble: "network", what });
  });
}

test("without a code in common the ciphers that need none are used", async () => {
  await using server = await startSshd({ config: ["MACs umac-64@openssh.com"] });
  assert.match(await agreed({}, server), /aes128-gcm@openssh\.com;/);
  await using other = await startSshd({ config: ["MACs umac-64@openssh.com", "Ciphers aes128-ctr"] });
  await assert.rejects(agreed({}, other), {
    what: "no message authentication code in common with the server",
  });
});
