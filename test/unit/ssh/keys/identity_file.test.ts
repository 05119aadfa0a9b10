import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import ssh2 from "ssh2";
import { startAgent } from "../../../peers/agent.ts";
import { type Key, type KeyType, makeKey } from "../../../peers/keys.ts";
import { program } from "../../../peers/programs.ts";
import { type Sshd, startSshd } from "../../../peers/sshd.ts";
import { makeTemporary, removeTemporary } from "../../../peers/temporary.ts";
import { logIn, refusedLogin, type Values } from "../fixtures.ts";

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

/** A copy of the key that may log in, to be made unusable. */
function copy(): string {
  const path = join(folder, `copy${++count}`);
  copyFileSync(sshd.identity, path);
  chmodSync(path, 0o600);
  return path;
}

function loginWith(values: Values, server: Sshd = sshd) {
  return logIn(server, values);
}

function refusalWith(values: Values, server: Sshd = sshd) {
  return refusedLogin(server, values);
}

for (const type of ["ed25519", "rsa", "ecdsa"] as const) {
  test(`an unencrypted ${type} key opens the door, from its file and from an agent`, async () => {
    await using server = await startSshd({ clientKey: type });
    const { outcome } = await loginWith({}, server);
    assert.match(outcome, new RegExp(`^\\S+ SHA256:\\S+ from ${server.identity}$`));
    await using agent = await startAgent([server.identity]);
    const { outcome: second } = await loginWith({ agent: agent.socket, identityFiles: [] }, server);
    assert.match(second, /^\S+ SHA256:\S+ from the agent$/);
    assert.doesNotMatch(server.log(), /ssh-rsa SHA1|\(none\)/);
  });

  for (const format of type === "ed25519" ? ["PKCS8"] : ["PEM", "PKCS8"]) {
    test(`an unencrypted ${type} key opens the door in ${format} too`, async () => {
      await using server = await startSshd({ clientKey: type });
      const path = join(folder, `${type}.${format}`);
      copyFileSync(server.identity, path);
      if (type === "ed25519") {
        // ssh-keygen has no such format for it.
        const key = ssh2.utils.parseKey(readFileSync(path));
        assert.ok(!(key instanceof Error));
        writeFileSync(path, key.getPrivatePEM());
      } else {
        execFileSync(program("ssh-keygen"), ["-q", "-p", "-N", "", "-m", format, "-f", path]);
      }
      const begin = { PEM: /^-----BEGIN (RSA|EC) PRIVATE/, PKCS8: /^-----BEGIN PRIVATE/ }[format];
      assert.match(readFileSync(path, "utf8"), begin ?? /none/);
      const { outcome } = await loginWith({ identityFiles: [path] }, server);
      assert.ok(outcome.endsWith(`from ${path}`), outcome);
    });
  }
}

test("an encrypted file is passed over, and what to do is told", async () => {
  const key = newKey("ed25519", "secret");
  const { what, hints, methods } = await refusalWith({ identityFiles: [key.path] });
  assert.equal(
    what,
    `no key to log in with as ${sshd.user} (${key.path} is encrypted; the server takes publickey)`,
  );
  assert.ok(hints.includes(`add the key to an agent: ssh-add ${key.path}`));
  assert.deepEqual(methods, ["publickey"]);
  const { connection } = await loginWith({ identityFiles: [key.path, sshd.identity] });
  assert.deepEqual(connection.obstacles, [
    { what: `${key.path} is encrypted`, hint: `add the key to an agent: ssh-add ${key.path}` },
  ]);
});

test("encrypted PEM and PKCS#8 files are known as such", async () => {
  for (const format of ["PEM", "PKCS8"]) {
    const key = newKey("rsa");
    execFileSync(program("ssh-keygen"), ["-q", "-p", "-N", "secret", "-m", format, "-f", key.path]);
    const { obstacles } = await refusalWith({ identityFiles: [key.path] });
    assert.equal(obstacles[0]?.what, `${key.path} is encrypted`);
  }
});

test("a private key that others can read is passed over, as ssh(1) does", async () => {
  const path = copy();
  chmodSync(path, 0o644);
  const { obstacles } = await refusalWith({ identityFiles: [path] });
  assert.equal(obstacles[0]?.what, `${path} is open to others (mode 0644)`);
});

test("files that are no keys are passed over", async () => {
  const [junk, dsa] = [join(folder, "junk"), join(folder, "cut")];
  writeFileSync(junk, "hello\n", { mode: 0o600 });
  writeFileSync(dsa, "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n", {
    mode: 0o600,
  });
  const { obstacles } = await refusalWith({ identityFiles: [junk, dsa, folder, join(folder, "nothing")] });
  assert.deepEqual(
    obstacles.map(({ what }) => what),
    [
      `${junk} holds no key of a kind that is supported`,
      `${dsa} holds no key of a kind that is supported`,
      `${folder} cannot be read (EISDIR)`,
    ],
  );
});
