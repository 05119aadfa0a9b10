import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fieldsOf, wire } from "../../../../src/ssh/keys/blob.ts";
import { parseCertificate, parseUserCertificate } from "../../../../src/ssh/keys/certificate.ts";
import { parsePublic } from "../../../../src/ssh/keys/public_key.ts";
import { startAgent } from "../../../peers/agent.ts";
import { type Key, type KeyType, makeKey } from "../../../peers/keys.ts";
import { program } from "../../../peers/programs.ts";
import { type Sshd, startSshd } from "../../../peers/sshd.ts";
import { makeTemporary, removeTemporary } from "../../../peers/temporary.ts";
import { logIn, refusedLogin } from "../fixtures.ts";

const folder = makeTemporary();
let count = 0;
let authority: Key;
let sshd: Sshd;
before(async () => {
  authority = makeKey(join(folder, "ca"));
  sshd = await startSshd({ config: [`TrustedUserCAKeys ${authority.path}.pub`] });
});
after(async () => {
  await sshd.stop();
  removeTemporary(folder);
});

/** A key with a certificate beside it, for the user of the sshd. */
function certified(type: KeyType = "ed25519", ...options: string[]): Key {
  const key = makeKey(join(folder, `key${++count}`), type);
  sign(key, ...options);
  return key;
}

function sign({ path }: Key, ...options: string[]): void {
  const words = ["-q", "-s", authority.path, "-I", "test", "-n", sshd.user, ...options, `${path}.pub`];
  execFileSync(program("ssh-keygen"), words, { stdio: "ignore" });
}

function certificateOf({ path }: Key): Buffer {
  return parsePublic(readFileSync(`${path}-cert.pub`, "utf8")) ?? Buffer.alloc(0);
}

for (const type of ["ed25519", "rsa", "ecdsa"] as const) {
  test(`an ${type} certificate beside the identity file opens the door`, async () => {
    const key = certified(type);
    const { outcome } = await logIn(sshd, { identityFiles: [key.path] });
    assert.match(
      outcome,
      new RegExp(`^\\S+-cert-v01@openssh.com SHA256:\\S+ from ${key.path}-cert.pub, after`),
    );
  });

  test(`an ${type} certificate opens the door with its key in the agent`, async () => {
    const key = certified(type);
    await using agent = await startAgent([key.path]);
    const { outcome } = await logIn(sshd, { agent: agent.socket, identityFiles: [] });
    assert.match(outcome, /^\S+-cert-v01@openssh.com SHA256:\S+ from the agent, after/);
  });
}

test("what sshd saw of the RSA certificates was signed with SHA-2", () => {
  const seen = sshd.log().match(/Accepted publickey .* RSA-CERT .*/g) ?? [];
  assert.equal(seen.length, 2);
  assert.doesNotMatch(sshd.log(), /ssh-rsa-cert-v01/);
});

test("CertificateFile comes first, wherever its key is, and leaves those beside the files out", async () => {
  const key = certified();
  const apart = join(folder, "apart.pub");
  renameSync(`${key.path}-cert.pub`, apart);
  const { outcome } = await logIn(sshd, { identityFiles: [key.path], certificateFiles: [apart] });
  assert.match(outcome, new RegExp(`^ssh-ed25519-cert-v01@openssh.com SHA256:\\S+ from ${apart}$`));
  await using agent = await startAgent([key.path]);
  const values = { agent: agent.socket, identityFiles: [], identitiesOnly: true, certificateFiles: [apart] };
  const { outcome: second } = await logIn(sshd, values);
  assert.match(second, /^ssh-ed25519-cert-v01@openssh.com SHA256:\S+ from the agent$/);
  // The agent may have it too: it is offered once.
  renameSync(apart, `${key.path}-cert.pub`);
  await using both = await startAgent([key.path]);
  const { connection } = await logIn(sshd, {
    ...{ agent: both.socket, identityFiles: [sshd.identity], certificateFiles: [`${key.path}-cert.pub`] },
  });
  assert.equal(connection.attempts.length, 1);
});

test("a CertificateFile that cannot be used is told", async () => {
  const [lonely, none] = [certified(), makeKey(join(folder, "none"))];
  const files = [`${lonely.path}-cert.pub`, `${none.path}.pub`, join(folder, "missing")];
  const { obstacles, attempts } = await refusedLogin(sshd, { identityFiles: [], certificateFiles: files });
  assert.deepEqual(attempts, []);
  assert.deepEqual(
    obstacles.map(({ what }) => what),
    [
      `${files[1]} holds no user certificate`,
      `${files[2]} holds no user certificate`,
      `${files[0]} has its private key neither in the agent nor in a file that can be used`,
    ],
  );
});

for (const [words, flaw] of [
  [["-V", "20200101:20200102"], "which has expired"],
  [["-V", "21200101:21200102"], "which is not valid yet"],
  [["-n", "jane,*"], "which is for jane, *"],
] as const) {
  test(`a certificate ${flaw} is refused, said to be so, and let in once it is signed as the hint says`, async () => {
    const key = certified("ed25519", ...words);
    const { what, hints } = await refusedLogin(sshd, { identityFiles: [key.path] });
    assert.ok(what.includes(`${key.path}-cert.pub, ${flaw};`), what);
    assert.equal(hints[0], `get a certificate from its authority that is valid now and for ${sshd.user}`);
    sign(key, "-V", "-1d:+1d");
    const { outcome } = await logIn(sshd, { identityFiles: [key.path] });
    assert.match(outcome, /-cert-v01@openssh\.com/);
  });
}

test("PubkeyAcceptedAlgorithms holds for certificates, by the name of the signature", async () => {
  const key = certified("rsa");
  const allowed = { kex: undefined, hostKey: undefined, cipher: undefined, mac: undefined };
  const only = (userKey: string) => ({
    identityFiles: [key.path],
    allowed: { ...allowed, userKey: [userKey] },
  });
  const { connection } = await logIn(sshd, only("rsa-sha2-256-cert-v01@openssh.com"));
  assert.deepEqual(
    connection.attempts.map(({ type }) => type),
    ["ssh-rsa-cert-v01@openssh.com"],
  );
  const { attempts } = await refusedLogin(sshd, only("rsa-sha2-256"));
  assert.deepEqual(
    attempts.map(({ type }) => type),
    ["ssh-rsa"],
  );
});

test("what ssh-keygen makes is read: the key and the end of its time", () => {
  const key = certified("ecdsa");
  const certificate = parseCertificate(certificateOf(key));
  const plain = Buffer.from(key.line.split(" ")[1] ?? "", "base64");
  assert.deepEqual(certificate?.key, plain);
  assert.equal(certificate?.validBefore, 0xffff_ffff_ffff_ffffn);
  const ended = certified("rsa", "-V", "20200101120000Z:20200102000000Z");
  assert.equal(parseCertificate(certificateOf(ended))?.validBefore, BigInt(Date.UTC(2020, 0, 2)) / 1000n);
});

test("a host's certificate is none of a user, and a plain key is none", () => {
  const host = makeKey(join(folder, "host"));
  execFileSync(program("ssh-keygen"), ["-q", "-h", "-s", authority.path, "-I", "x", `${host.path}.pub`]);
  assert.equal(parseCertificate(certificateOf(host))?.kind, "host");
  assert.equal(parseUserCertificate(certificateOf(host)), undefined);
  assert.equal(parseCertificate(wire("ssh-ed25519", Buffer.alloc(32))), undefined);
});

test("a certificate that is cut short or goes on is none, nor is one of another kind", () => {
  const whole = certificateOf(certified());
  for (let length = 0; length < whole.length; length++) {
    assert.equal(parseCertificate(whole.subarray(0, length)), undefined, `${length} bytes`);
  }
  assert.equal(parseCertificate(Buffer.concat([whole, Buffer.from([0])])), undefined);
  // Behind type, nonce, key and the serial number.
  const kind = fieldsOf(whole, 3)?.reduce((sum, { length }) => sum + 4 + length, 8) ?? 0;
  assert.equal(whole.readUInt32BE(kind), 1);
  for (const other of [0, 3]) {
    const changed = Buffer.from(whole);
    changed.writeUInt32BE(other, kind);
    assert.equal(parseCertificate(changed), undefined);
  }
});
