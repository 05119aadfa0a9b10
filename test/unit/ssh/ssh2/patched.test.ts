import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import ssh2 from "ssh2";
import { newClient } from "../../../../src/ssh/ssh2/patched.ts";
import { readExtensions } from "../../../../src/ssh/ssh2/public_key_request.ts";
import { startAgent } from "../../../peers/agent.ts";
import { type Sshd, startSshd } from "../../../peers/sshd.ts";
import { connectTo, logIn, refusedLogin, targetFor } from "../fixtures.ts";

const require = createRequire(import.meta.url);
let sshd: Sshd;
before(async () => {
  sshd = await startSshd({ clientKey: "rsa" });
});
after(async () => {
  await sshd.stop();
});

test("the version that is relied on is the one that is installed, and patched", () => {
  const { version } = require("ssh2/package.json");
  const { devDependencies } = require("../../../../package.json");
  assert.equal(version, devDependencies.ssh2);
  assert.ok(newClient() instanceof ssh2.Client);
});

test("another ssh2 than the patched one is not connected with, and how to mend it is said", async () => {
  const form = Reflect.get(ssh2.Client, "patched");
  for (const other of [undefined, Number(form) - 1]) {
    Reflect.set(ssh2.Client, "patched", other);
    try {
      await assert.rejects(
        connectTo(targetFor(sshd)),
        /ssh2 is not the patched one: run node test\/setup\.mjs build/,
      );
    } finally {
      Reflect.set(ssh2.Client, "patched", form);
    }
  }
});

test("OpenSSH 7.4 takes RSA with SHA-2, though it does not say so; others are believed", () => {
  const said = [{ name: "server-sig-algs", algs: ["ssh-rsa"] }];
  for (const [version, expected] of [
    ["OpenSSH_7.4", ["ssh-rsa", "rsa-sha2-512", "rsa-sha2-256"]],
    ["OpenSSH_7.2", ["ssh-rsa"]],
  ] as const) {
    const protocol = { _remoteIdentRaw: Buffer.from(`SSH-2.0-${version}`) };
    assert.deepEqual(readExtensions(said, protocol).signatures, expected);
    assert.equal(readExtensions([], protocol).signatures, undefined);
  }
});

test("an RSA key is proven with the hash that ssh_config allows", async () => {
  const allowed = { kex: undefined, hostKey: undefined, cipher: undefined, mac: undefined };
  for (const bits of ["256", "512"]) {
    await using server = await startSshd({
      clientKey: "rsa",
      config: [`PubkeyAcceptedAlgorithms rsa-sha2-${bits}`, "LogLevel DEBUG2"],
    });
    await logIn(server, { allowed: { ...allowed, userKey: [`rsa-sha2-${bits}`] } });
    const other = bits === "256" ? "512" : "256";
    await refusedLogin(server, { allowed: { ...allowed, userKey: [`rsa-sha2-${other}`] } });
    const seen = [...server.log().matchAll(/pkalg (\S+) /g)].map(([, name]) => name);
    assert.equal(new Set(seen).has("ssh-rsa"), false);
    assert.match(server.log(), new RegExp(`pkalg rsa-sha2-${bits} `));
  }
});

test("a server that takes only SHA-1 is not given any", async () => {
  await using server = await startSshd({
    clientKey: "rsa",
    config: ["PubkeyAcceptedAlgorithms ssh-rsa", "LogLevel DEBUG2"],
  });
  await refusedLogin(server, {});
  assert.doesNotMatch(server.log(), /pkalg ssh-rsa /);
});

test("an agent's RSA key signs with what was asked for", async () => {
  await using agent = await startAgent([sshd.identity]);
  await logIn(sshd, { agent: agent.socket, identityFiles: [] });
});
