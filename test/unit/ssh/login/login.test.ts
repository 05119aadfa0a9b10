import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Failure } from "../../../../src/failure.ts";
import { fingerprint } from "../../../../src/ssh/keys/blob.ts";
import { type Key, type KeyType, makeKey } from "../../../peers/keys.ts";
import { type Sshd, startSshd } from "../../../peers/sshd.ts";
import { closingServer } from "../../../peers/tcp.ts";
import { makeTemporary, removeTemporary } from "../../../peers/temporary.ts";
import { connectTo, logIn, refusedLogin, targetFor, type Values } from "../fixtures.ts";

const folder = makeTemporary();
let sshd: Sshd;
let count = 0;
before(async () => {
  sshd = await startSshd();
});
after(async () => {
  await sshd.stop();
  removeTemporary(folder);
});

function newKey(type: KeyType = "ed25519", passphrase = ""): Key {
  return makeKey(join(folder, `key${++count}`), type, passphrase);
}

function fingerprintOf({ line }: Key): string {
  return fingerprint(Buffer.from(line.split(" ")[1] ?? "", "base64"));
}

function loginWith(values: Values, server: Sshd = sshd) {
  return logIn(server, values);
}

function refusalWith(values: Values, server: Sshd = sshd) {
  return refusedLogin(server, values);
}

test("a key that the server does not take is named, with its fingerprint", async () => {
  const key = newKey();
  const { what, attempts, hints } = await refusalWith({ identityFiles: [key.path] });
  assert.equal(
    what,
    `${sshd.user} not let in (tried ssh-ed25519 ${fingerprintOf(key)} from ${key.path}; the server takes publickey)`,
  );
  assert.equal(attempts.length, 1);
  assert.match(hints.join("\n"), /authorized_keys/);
});

test("PubkeyAcceptedAlgorithms and RequiredRSASize of ssh_config are kept to", async () => {
  const none = { kex: undefined, hostKey: undefined, cipher: undefined, mac: undefined };
  const { obstacles } = await refusalWith({ allowed: { ...none, userKey: ["rsa-sha2-512"] } });
  assert.match(obstacles[0]?.what ?? "", /not allowed by PubkeyAcceptedAlgorithms \(ssh-ed25519\)$/);
  const small = await refusalWith({ identityFiles: [newKey("rsa").path], smallestRsa: 3072 });
  assert.match(small.what, /has only 2048 bits/);
});

test("a server that wants more than a key is told of", async () => {
  await using server = await startSshd({
    config: ["AuthenticationMethods publickey,password", "PasswordAuthentication yes"],
  });
  const { methods, what, attempts } = await refusalWith({}, server);
  assert.deepEqual(methods, ["password"]);
  assert.match(what, /^the server wants password as well: .*\(it has accepted ssh-ed25519 SHA256:\S+ from /);
  assert.equal(attempts[0]?.outcome, "accepted");
});

test("too many keys: the server's own words, and a hint", async () => {
  await using server = await startSshd({ config: ["MaxAuthTries 2"] });
  const keys = [1, 2, 3, 4, 5, 6].map(() => newKey().path);
  const { what, hints } = await refusalWith({ identityFiles: [...keys, server.identity] }, server);
  assert.match(what, /the server says "Too many authentication failures"; tried \S+ SHA256:[^,]*, [^,]*\)$/);
  assert.match(hints.join("\n"), /identity = /);
});

test("a banner is passed on line by line, with whatever stands in it", async () => {
  const banner = join(folder, "banner");
  writeFileSync(banner, "first line\n\n\u001b[2Jsecond\r\n");
  await using server = await startSshd({ config: [`Banner ${banner}`] });
  const { story } = await loginWith({}, server);
  assert.deepEqual(
    story.banners.map((line) => line.replace(/^\\033|\u001b/, "ESC")),
    ["first line", "ESC[2Jsecond"],
  );
});

test("compression is agreed upon when it is asked for", async () => {
  const { outcome } = await loginWith({ compression: true });
  assert.match(outcome, /^ssh-ed25519/);
});

test("the steps are told in order, each with its outcome", async () => {
  const { story } = await loginWith({});
  assert.deepEqual(
    story.steps.map(([step]) => step),
    ["name", "connect", "kex", "hostkey", "auth"],
  );
  assert.deepEqual(
    story.steps.slice(0, 3).map(([, outcome]) => outcome),
    ["127.0.0.1", `127.0.0.1 port ${sshd.port}`, "curve25519-sha256, aes128-gcm@openssh.com"],
  );
  assert.equal(story.progress.doing, `logging in to mail.test as ${sshd.user}`);
  assert.equal(story.progress.heard, true);
});

test("a server that closes before its version is a network failure", async () => {
  await using server = await closingServer();
  const target = targetFor({
    ...sshd,
    ...{ host: server.host, port: server.port, user: "x", identity: "/x", knownHosts: "/x" },
  });
  await assert.rejects(connectTo(target), {
    trouble: "network",
    what: "the server closed the connection (before it sent its SSH version)",
  });
});

test("a server with nothing but sntrup761 is told what there is not", async () => {
  await using server = await startSshd({ config: ["KexAlgorithms sntrup761x25519-sha512@openssh.com"] });
  await assert.rejects(connectTo(targetFor(server)), (error: unknown) => {
    assert.ok(error instanceof Failure);
    assert.match(error.hints.join("\n"), /doc\/ssh\.md lists what preauth offers/);
    assert.match(error.hints.join("\n"), /sntrup761x25519 is not built in \(doc\/ssh\.md\)/);
    return /no key exchange in common/.test(error.what);
  });
});
