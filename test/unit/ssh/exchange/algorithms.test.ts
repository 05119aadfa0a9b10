import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { after, before, test } from "node:test";
import { MLKEM, proposal } from "../../../../src/ssh/exchange/algorithms.ts";
import { algorithmsFor } from "../../../../src/ssh/keys/type.ts";
import type { Allowed } from "../../../../src/target/target.ts";
import { program } from "../../../peers/programs.ts";
import { type Sshd, startSshd } from "../../../peers/sshd.ts";
import { connectTo, newStory, targetFor } from "../fixtures.ts";

const all: Allowed = {
  kex: undefined,
  hostKey: undefined,
  cipher: undefined,
  mac: undefined,
  userKey: undefined,
};

function plain(names: readonly string[]): readonly string[] {
  return names.filter((name) => !name.includes("-cert-"));
}

let sshd: Sshd;
before(async () => {
  sshd = await startSshd({ hostKeys: ["ed25519", "ecdsa", "rsa"] });
});
after(() => sshd.stop());

function offered(allowed: Partial<Allowed> = {}, known: readonly string[] = [], certified = false) {
  const target = targetFor(sshd, { allowed: { ...all, ...allowed } });
  return proposal(target, { types: new Set(known), certified });
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
  assert.deepEqual(plain(offered({}, ["ssh-rsa", "ecdsa-sha2-nistp384"]).serverHostKey), [
    "ecdsa-sha2-nistp384",
    "rsa-sha2-512",
    "rsa-sha2-256",
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp521",
  ]);
});

test("certificates come first where an authority is trusted for the server, and otherwise last", () => {
  const isCertificate = (name: string) => name.includes("-cert-");
  const without = offered({}, ["ssh-rsa"]).serverHostKey;
  assert.deepEqual(without.slice(6).filter(isCertificate), without.slice(6));
  const first = offered({}, ["ssh-rsa"], true).serverHostKey;
  assert.deepEqual(first.slice(0, 6).filter(isCertificate), first.slice(0, 6));
  assert.equal(first[6], "rsa-sha2-512");
});

test("what ssh_config does not allow is left out, and nothing left is a failure", () => {
  const narrow = ["sntrup761x25519-sha512", "ecdh-sha2-nistp256"];
  assert.deepEqual(offered({ kex: narrow }).kex, ["ecdh-sha2-nistp256"]);
  assert.deepEqual(offered({ mac: ["hmac-sha1", "hmac-sha2-512"] }).hmac, ["hmac-sha2-512"]);
  assert.throws(() => offered({ kex: ["sntrup761x25519-sha512"] }), {
    trouble: "table",
    what: "ssh_config allows none of the KexAlgorithms that preauth has",
    hints: [
      "allow one of them for this host: KexAlgorithms mlkem768x25519-sha256,curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-nistp521,diffie-hellman-group16-sha512,diffie-hellman-group18-sha512,diffie-hellman-group14-sha256",
      "doc/ssh.md lists what preauth offers, which is less than ssh does",
    ],
  });
  const { cipher, hmac } = offered({ mac: ["umac-64@openssh.com"] });
  assert.equal(
    cipher.some((name) => name.endsWith("-ctr")),
    false,
  );
  assert.equal(hmac.length > 0, true);
});

test("the order that ssh_config gives is kept, as ssh(1) keeps it", () => {
  const kex = ["ecdh-sha2-nistp521", "curve25519-sha256"];
  assert.deepEqual(offered({ kex }).kex, kex);
  const cipher = ["aes256-ctr", "aes128-gcm@openssh.com"];
  assert.deepEqual(offered({ cipher }).cipher, cipher);
  const mac = ["hmac-sha2-512", "hmac-sha2-256"];
  assert.deepEqual(offered({ mac }).hmac, mac);
  const hostKey = ["ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-ed25519-cert-v01@openssh.com"];
  assert.deepEqual(offered({ hostKey }, ["ecdsa-sha2-nistp256"]).serverHostKey, hostKey);
});

test("a list that leaves names out in ssh's own order still has what is known first", () => {
  const hostKey = ["ssh-ed25519", "rsa-sha2-256"];
  assert.deepEqual(offered({ hostKey }, ["ssh-rsa"]).serverHostKey, ["rsa-sha2-256", "ssh-ed25519"]);
});

test("what the installed ssh allows by default narrows nothing", async () => {
  const { stdout } = spawnSync(program("ssh"), ["-G", "-F", "none", "mail.test"], { encoding: "utf8" });
  const list = (key: string) => new RegExp(`^${key} (.*)$`, "m").exec(stdout)?.[1]?.split(",");
  const allowed = {
    kex: list("kexalgorithms"),
    hostKey: list("hostkeyalgorithms"),
    cipher: list("ciphers"),
    mac: list("macs"),
    userKey: list("pubkeyacceptedalgorithms"),
  };
  assert.deepEqual(offered(allowed), offered());
  for (const type of ["ssh-rsa", "ssh-ed25519", "ssh-rsa-cert-v01@openssh.com"]) {
    assert.deepEqual(algorithmsFor(type, allowed.userKey), algorithmsFor(type, undefined));
  }
});

test("ML-KEM is offered first, and not where an older ssh's list has been narrowed", () => {
  assert.equal(offered().kex[0], MLKEM);
  const classical = offered().kex.slice(1);
  assert.deepEqual(offered({ kex: classical }).kex, [MLKEM, ...classical]);
  assert.deepEqual(offered({ kex: classical.slice(1) }).kex, classical.slice(1));
});

test("every key exchange works that this server has", async () => {
  const kex = offered().kex.filter((name) => name !== MLKEM);
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
