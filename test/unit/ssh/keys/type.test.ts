import assert from "node:assert/strict";
import { test } from "node:test";
import { algorithmsFor, chooseAlgorithm, isSupported, plainType } from "../../../../src/ssh/keys/type.ts";

const CERT = "-cert-v01@openssh.com";

test("RSA is offered with SHA-2 alone, in the order of what is allowed", () => {
  assert.deepEqual(algorithmsFor("ssh-rsa", undefined), ["rsa-sha2-512", "rsa-sha2-256"]);
  assert.deepEqual(algorithmsFor("ssh-rsa", ["ssh-rsa", "rsa-sha2-256", "rsa-sha2-512"]), [
    "rsa-sha2-256",
    "rsa-sha2-512",
  ]);
  assert.deepEqual(algorithmsFor("ssh-rsa", ["ssh-rsa"]), []);
  assert.deepEqual(algorithmsFor(`ssh-rsa${CERT}`, [`ssh-rsa${CERT}`, "rsa-sha2-512"]), []);
  assert.deepEqual(algorithmsFor(`ssh-rsa${CERT}`, undefined), [
    `rsa-sha2-512${CERT}`,
    `rsa-sha2-256${CERT}`,
  ]);
});

test("of those the server takes one is chosen, also for a certificate; never SHA-1", () => {
  assert.equal(chooseAlgorithm("ssh-rsa", undefined, ["ssh-rsa", "rsa-sha2-256"]), "rsa-sha2-256");
  assert.equal(chooseAlgorithm("ssh-rsa", ["rsa-sha2-512"], ["rsa-sha2-256"]), undefined);
  assert.equal(chooseAlgorithm("ssh-rsa", undefined, ["ssh-rsa"]), undefined);
  assert.equal(chooseAlgorithm(`ssh-rsa${CERT}`, undefined, ["rsa-sha2-256"]), `rsa-sha2-256${CERT}`);
});

test("a server that does not say what it takes gets no RSA, nor a certificate of it", () => {
  assert.equal(chooseAlgorithm("ssh-rsa", undefined, undefined), undefined);
  assert.equal(chooseAlgorithm(`ssh-rsa${CERT}`, undefined, undefined), undefined);
});

test("what the server says does not matter for other keys, as for ssh(1)", () => {
  assert.equal(chooseAlgorithm("ssh-ed25519", undefined, []), "ssh-ed25519");
  assert.equal(chooseAlgorithm("ssh-ed25519", ["ecdsa-sha2-nistp256"], undefined), undefined);
});

test("kinds of keys, and what their certificates are of", () => {
  assert.equal(plainType(`sk-ssh-ed25519${CERT}`), "sk-ssh-ed25519@openssh.com");
  assert.equal(plainType(`ecdsa-sha2-nistp521${CERT}`), "ecdsa-sha2-nistp521");
  assert.ok(isSupported(`sk-ecdsa-sha2-nistp256${CERT}`));
  for (const type of ["ssh-dss", "", "x509v3-ssh-rsa", `ssh-dss${CERT}`, CERT]) assert.ok(!isSupported(type));
});
