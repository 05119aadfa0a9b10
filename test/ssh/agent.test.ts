import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { verify } from "node:crypto";
import { once } from "node:events";
import { copyFileSync, renameSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { ParsedKey } from "ssh2";
import { Agent } from "../../src/ssh/agent.ts";
import { Collection } from "../../src/ssh/candidates.ts";
import { Identities } from "../../src/ssh/identities.ts";
import { wire } from "../../src/ssh/key_blob.ts";
import { startAgent } from "../peers/agent.ts";
import { type Key, type KeyType, makeKey } from "../peers/keys.ts";
import { program } from "../peers/programs.ts";
import { type Sshd, startSshd } from "../peers/sshd.ts";
import { makeTemporary, removeTemporary } from "../peers/temporary.ts";
import { logIn, never, refusedLogin, targetFor, type Values } from "./fixtures.ts";

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

function loginWith(values: Values, server: Sshd = sshd) {
  return logIn(server, values);
}

function refusalWith(values: Values, server: Sshd = sshd) {
  return refusedLogin(server, values);
}

test("keys are offered in ssh's order: the agent's that are identity files, its others, then files", async () => {
  const [other, both, file] = [newKey(), newKey("rsa"), newKey("ecdsa")];
  await using agent = await startAgent([other.path, both.path]);
  const identityFiles = [file.path, both.path, sshd.identity];
  const { connection, outcome } = await loginWith({ agent: agent.socket, identityFiles });
  assert.deepEqual(
    connection.attempts.map(({ name, source, outcome }) => [name, source, outcome]),
    [
      [both.path, "agent", "offered"],
      ["test", "agent", "offered"],
      [file.path, "file", "offered"],
      [sshd.identity, "file", "signed"],
    ],
  );
  const [opened, before = ""] = outcome.split(", after ");
  assert.match(opened ?? "", new RegExp(`^ssh-ed25519 SHA256:\\S+ from ${sshd.identity}$`));
  assert.equal(before.split(", ").length, 3);
});

test("IdentitiesOnly keeps the agent's other keys back", async () => {
  const other = newKey();
  await using agent = await startAgent([other.path, sshd.identity]);
  const { connection } = await loginWith({ agent: agent.socket, identitiesOnly: true });
  assert.deepEqual(
    connection.attempts.map(({ source }) => source),
    ["agent"],
  );
});

test("a .pub file alone chooses a key of the agent", async () => {
  const path = join(folder, "alone");
  copyFileSync(`${sshd.identity}.pub`, `${path}.pub`);
  await using agent = await startAgent([sshd.identity]);
  const { outcome } = await loginWith({ agent: agent.socket, identityFiles: [path], identitiesOnly: true });
  assert.match(outcome, /from the agent$/);
  const { outcome: named } = await loginWith({
    agent: agent.socket,
    identityFiles: [`${path}.pub`],
    identitiesOnly: true,
  });
  assert.match(named, /from the agent$/);
});

test("an agent that is gone, dead, or no agent is told apart, and files are used all the same", async () => {
  const dead = join(folder, "dead");
  {
    await using agent = await startAgent();
    renameSync(agent.socket, dead);
  }
  const tell = async (agent: string | undefined) =>
    (await loginWith({ agent })).connection.obstacles.map(({ what }) => what);
  assert.deepEqual(await tell(undefined), []);
  assert.deepEqual(await tell(join(folder, "gone")), [
    `the agent is gone: there is no ${join(folder, "gone")}`,
  ]);
  assert.deepEqual(await tell(dead), [`the agent at ${dead} is dead`]);
  assert.match((await tell(sshd.identity)).join(), /^the agent at .* (is dead|cannot be reached)/);
});

test("a locked agent has no keys, and a refusal to sign leads to the next key", async () => {
  await using agent = await startAgent();
  const environment = { ...process.env, SSH_AUTH_SOCK: agent.socket };
  // A key that must be confirmed, with nobody there to do it.
  execFileSync(program("ssh-add"), ["-q", "-c", sshd.identity], { env: environment });
  const { attempts } = await refusalWith({ agent: agent.socket, identityFiles: [] });
  assert.deepEqual(attempts[0]?.outcome, { failed: "the agent refused to sign" });
});

test("an RSA key is passed over where no wanted signature of it is taken, and it is said why", async () => {
  const rsa = newKey("rsa");
  const collection = new Collection(targetFor(sshd, { identityFiles: [rsa.path] }), never(), () => {});
  const identities = new Identities(collection);
  const [key] = await new Promise<ParsedKey[]>((resolve) => {
    identities.getIdentities((_error, keys) => resolve((keys ?? []) as ParsedKey[]));
  });
  assert.ok(key);
  const wanted = ["rsa-sha2-512", "rsa-sha2-256"];
  assert.equal(identities.rsaSignature(key, ["rsa-sha2-256", "rsa-sha2-512"], wanted), "rsa-sha2-512");
  assert.equal(identities.rsaSignature(key, ["ssh-rsa", "rsa-sha2-256"], wanted), "rsa-sha2-256");
  for (const [taken, why] of [
    [[], /only with SHA-1/],
    [["ssh-rsa"], /only with SHA-1/],
    [["rsa-sha2-256"], /PubkeyAcceptedAlgorithms allows none/],
  ] as const) {
    assert.equal(identities.rsaSignature(key, taken, ["rsa-sha2-512"]), undefined);
    const [attempt] = identities.attempts;
    assert.ok(typeof attempt?.outcome === "object");
    assert.match(attempt.outcome.failed, why);
  }
});

test("an RSA key is never proven with SHA-1", async () => {
  const { path } = newKey("rsa");
  const identities = new Identities(
    new Collection(targetFor(sshd, { identityFiles: [path] }), never(), () => {}),
  );
  const [key] = await new Promise<ParsedKey[]>((resolve) => {
    identities.getIdentities((_error, keys) => resolve(keys as ParsedKey[]));
  });
  assert.ok(key !== undefined);
  const sign = (hash?: "sha1" | "sha256" | "sha512") =>
    new Promise<Buffer | undefined>((resolve, reject) => {
      const options = hash === undefined ? {} : { hash };
      identities.sign(key, Buffer.from("data"), options, (error, signature) =>
        error ? reject(error) : resolve(signature),
      );
    });
  for (const hash of ["sha1", undefined] as const) {
    await assert.rejects(sign(hash), /the server takes RSA signatures only with SHA-1/);
    const [attempt] = identities.attempts;
    assert.deepEqual(attempt?.outcome, { failed: "the server takes RSA signatures only with SHA-1" });
  }
  for (const hash of ["sha256", "sha512"] as const) {
    const signature = (await sign(hash)) ?? Buffer.alloc(0);
    assert.ok(verify(hash, Buffer.from("data"), key.getPublicPEM(), signature));
  }
});

/** What an agent of the test's own says to a request for a signature. */
async function signedBy(answer: Buffer): Promise<Buffer> {
  const path = join(folder, `agent${++count}`);
  const server = createServer((socket) => void socket.on("data", () => socket.write(answer)));
  server.listen(path);
  await once(server, "listening");
  const agent = new Agent(path);
  try {
    return await agent.sign(wire("ssh-rsa"), Buffer.from("data"), "rsa-sha2-512");
  } finally {
    agent.close();
    server.close();
    await once(server, "close");
  }
}

function message(type: number, body: Buffer = Buffer.alloc(0)): Buffer {
  return wire(Buffer.concat([Buffer.from([type]), body]));
}

test("an agent's signature counts only if it is of the kind that was asked for", async () => {
  const signature = (algorithm: string) => message(14, wire(wire(algorithm, "signature")));
  assert.equal(String(await signedBy(signature("rsa-sha2-512"))), "signature");
  await assert.rejects(signedBy(signature("ssh-rsa")), /signed with ssh-rsa, not rsa-sha2-512/);
  await assert.rejects(signedBy(message(5)), /refused to sign/);
});

test("what is no agent's protocol is told as such", async () => {
  const nonsense = [
    message(99),
    message(14),
    message(14, wire("x")),
    Buffer.from("HTTP/1.1 400 Bad"),
    message(12),
  ];
  for (const answer of nonsense) {
    await assert.rejects(signedBy(answer), /does not speak the agent's protocol/);
  }
});
