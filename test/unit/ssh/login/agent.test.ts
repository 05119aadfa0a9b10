import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fieldsOf, wire } from "../../../../src/ssh/keys/blob.ts";
import { Agent } from "../../../../src/ssh/login/agent.ts";
import { startAgent } from "../../../peers/agent.ts";
import { FAILURE, startAgentServer } from "../../../peers/agent_server.ts";
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

function loginWith(values: Values, server: Sshd = sshd) {
  return logIn(server, values);
}

function refusalWith(values: Values, server: Sshd = sshd) {
  return refusedLogin(server, values);
}

test("identity files are offered before the agent's other keys, those in the agent first", async () => {
  const [other, both, file] = [newKey(), newKey("rsa"), newKey("ecdsa")];
  await using agent = await startAgent([other.path, both.path]);
  const identityFiles = [file.path, both.path, sshd.identity];
  const { connection, outcome } = await loginWith({ agent: agent.socket, identityFiles });
  assert.deepEqual(
    connection.attempts.map(({ name, source, outcome }) => [name, source, outcome]),
    [
      [both.path, "agent", "offered"],
      [file.path, "file", "offered"],
      [sshd.identity, "file", "signed"],
    ],
  );
  const [opened, before = ""] = outcome.split(", after ");
  assert.match(opened ?? "", new RegExp(`^ssh-ed25519 SHA256:\\S+ from ${sshd.identity}$`));
  assert.equal(before.split(", ").length, 2);
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
    (await loginWith({ agent, agentVariable: undefined })).connection.obstacles.map(({ what }) => what);
  assert.deepEqual(await tell(undefined), []);
  assert.deepEqual(await tell(join(folder, "gone")), [
    `the agent is gone: there is no ${join(folder, "gone")}`,
  ]);
  assert.deepEqual(await tell(dead), [`the agent at ${dead} is dead`]);
  assert.match((await tell(sshd.identity)).join(), /^the agent at .* (is dead|cannot be reached)/);
});

test("an agent that an old tmux has left behind is named as such, with the way to the new one", async () => {
  const gone = join(folder, "old");
  const left = (keptBy: "tmux" | "screen" | undefined) =>
    refusalWith({ agent: gone, agentVariable: { name: "SSH_AUTH_SOCK", keptBy }, identityFiles: [] });
  const { what, hints } = await left("tmux");
  assert.ok(what.includes(`${gone} (SSH_AUTH_SOCK was left by an earlier login, and kept by tmux)`), what);
  assert.match(hints.join("\n"), /eval "\$\(tmux show-environment -s SSH_AUTH_SOCK\)"/);
  assert.match((await left("screen")).what, /left by an earlier login, and kept by screen\)/);
  assert.match((await left(undefined)).what, /left by an earlier login\)/);
});

test("a locked or empty agent is said to be so, and files are used all the same", async () => {
  await using agent = await startAgent([sshd.identity]);
  await lock(agent.socket);
  const { what, hints } = await refusalWith({ agent: agent.socket, identityFiles: [] });
  assert.match(what, /\(the agent has no keys, or is locked; the server takes publickey\)$/);
  assert.match(hints.join("\n"), /ssh-add -X/);
  await loginWith({ agent: agent.socket });
});

test("an agent with nothing but other keys is said to have them, where only wanted ones count", async () => {
  const others = [newKey(), newKey()].map(({ path }) => path);
  await using agent = await startAgent(others);
  const { what, attempts } = await refusalWith({
    ...{ agent: agent.socket, identitiesOnly: true, identityFiles: [join(folder, "nothing")] },
  });
  assert.deepEqual(attempts, []);
  assert.match(
    what,
    /\(the agent has 2 keys, but none that this host may use \(IdentitiesOnly\); the server/,
  );
});

test("a full agent offers as many keys as the server bears, and the wanted key comes first", async () => {
  await using server = await startSshd();
  const others = Array.from({ length: 9 }, () => newKey().path);
  await using agent = await startAgent(others);
  const { what, attempts, hints } = await refusalWith({ agent: agent.socket, identityFiles: [] }, server);
  assert.equal(attempts.length, 6);
  assert.match(what, /the server says ".*Too many authentication failures"; tried .*, 3 more/);
  assert.match(hints.join("\n"), /identity = /);
  const { connection } = await loginWith({ agent: agent.socket }, server);
  assert.equal(connection.attempts.length, 1);
});

test("a server that bears any number of keys is offered all of them", async () => {
  await using server = await startSshd({ config: ["MaxAuthTries 20"] });
  const others = Array.from({ length: 9 }, () => newKey().path);
  await using agent = await startAgent(others);
  const { attempts } = await refusalWith({ agent: agent.socket, identityFiles: [] }, server);
  assert.equal(attempts.length, 9);
  await using full = await startAgent([...others, server.identity]);
  const { connection } = await loginWith({ agent: full.socket, identityFiles: [] }, server);
  assert.equal(connection.attempts.length, 10);
});

test("a refusal to sign leads to the next key", async () => {
  await using agent = await startAgent();
  const environment = { ...process.env, SSH_AUTH_SOCK: agent.socket };
  // A key that must be confirmed, with nobody there to do it.
  execFileSync(program("ssh-add"), ["-q", "-c", sshd.identity], { env: environment });
  const { attempts } = await refusalWith({ agent: agent.socket, identityFiles: [] });
  assert.deepEqual(attempts[0]?.outcome, { failed: "the agent refused to sign" });
});

/** Locks an agent, with a password that ssh-add asks a program for. */
async function lock(socket: string): Promise<void> {
  const askpass = join(folder, `askpass${++count}`);
  writeFileSync(askpass, "#!/bin/sh\necho secret\n", { mode: 0o700 });
  const env = { ...process.env, SSH_AUTH_SOCK: socket, SSH_ASKPASS: askpass, SSH_ASKPASS_REQUIRE: "force" };
  execFileSync(program("ssh-add"), ["-x"], { env, stdio: "ignore" });
}

/** What an agent of the test's own says to a request. */
async function asked<T>(answer: Buffer, request: (agent: Agent) => Promise<T>): Promise<T> {
  const path = join(folder, `agent${++count}`);
  const server = createServer((socket) => void socket.on("data", () => socket.write(answer)));
  server.listen(path);
  await once(server, "listening");
  const agent = new Agent({ path, variable: undefined });
  try {
    return await request(agent);
  } finally {
    agent.close();
    server.close();
    await once(server, "close");
  }
}

const sign = (agent: Agent) => agent.sign(wire("ssh-rsa"), Buffer.from("data"), "rsa-sha2-512");
const signedBy = (answer: Buffer) => asked(answer, sign);

function message(type: number, body: Buffer = Buffer.alloc(0)): Buffer {
  return wire(Buffer.concat([Buffer.from([type]), body]));
}

test("an agent's signature counts only if it is of the kind that was asked for", async () => {
  const signature = (algorithm: string) => message(14, wire(wire(algorithm, "signature")));
  assert.deepEqual(await signedBy(signature("rsa-sha2-512")), wire("rsa-sha2-512", "signature"));
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

test("each reply to each request is what OpenSSH takes it for (authfd.c, and PROTOCOL.agent for the binding)", async () => {
  const id = Buffer.alloc(32);
  const requests = {
    list: async (agent: Agent) => `${(await agent.list()).length} keys`,
    sign: async (agent: Agent) => `signed by ${fieldsOf(await sign(agent), 1)}`,
    bind: async (agent: Agent) =>
      (await agent.bind({ hostKey: id, id, signature: id })) ? "bound" : "not bound",
  };
  const NONSENSE = "does not speak the agent's protocol";
  const signature = wire(wire("rsa-sha2-512", "signature"));
  const none = Buffer.alloc(4);
  const [REFUSED_LIST, REFUSED_SIGN] = ["refused to list its keys", "refused to sign"];
  const table: readonly (readonly [
    title: string,
    reply: Buffer,
    list: string,
    sign: string,
    bind: string,
  ])[] = [
    ["SSH_AGENT_FAILURE", message(5), REFUSED_LIST, REFUSED_SIGN, "not bound"],
    ["SSH_AGENT_EXTENSION_FAILURE", message(28), REFUSED_LIST, REFUSED_SIGN, "not bound"],
    ["SSH2_AGENT_FAILURE", message(30), REFUSED_LIST, REFUSED_SIGN, "not bound"],
    ["SSH_COM_AGENT2_FAILURE", message(102), REFUSED_LIST, REFUSED_SIGN, "not bound"],
    ["a failure with more behind it", message(5, signature), REFUSED_LIST, REFUSED_SIGN, "not bound"],
    ["SSH_AGENT_SUCCESS", message(6), NONSENSE, NONSENSE, "bound"],
    ["SSH_AGENT_EXTENSION_RESPONSE", message(29), NONSENSE, NONSENSE, "not bound"],
    ["the list of version 1", message(2, none), NONSENSE, NONSENSE, "not bound"],
    ["a list of nothing", message(12, none), "0 keys", NONSENSE, "not bound"],
    ["a list that is cut", message(12, Buffer.from([0, 0, 0, 1])), NONSENSE, NONSENSE, "not bound"],
    ["a list with more behind it", message(12, Buffer.alloc(9)), "0 keys", NONSENSE, "not bound"],
    ["a signature", message(14, signature), NONSENSE, "signed by rsa-sha2-512", "not bound"],
    [
      "a signature with more behind it",
      message(14, Buffer.concat([signature, none])),
      NONSENSE,
      "signed by rsa-sha2-512",
      "not bound",
    ],
    ["a signature that is empty", message(14, none), NONSENSE, NONSENSE, "not bound"],
    ["a number that nobody has", message(200), NONSENSE, NONSENSE, "not bound"],
    ["a message without a number", Buffer.alloc(4), NONSENSE, NONSENSE, NONSENSE],
    ["one that is too long", Buffer.from([0, 4, 0, 1]), NONSENSE, NONSENSE, NONSENSE],
  ];
  for (const [title, reply, ...wanted] of table) {
    for (const [index, [name, request]] of Object.entries(requests).entries()) {
      const said = await asked(reply, request).catch(({ message }: Error) => message);
      assert.ok(said.endsWith(wanted[index] ?? "?"), `${title}, to ${name}: ${said}`);
    }
  }
});

test("keys of an agent that are of no known kind, or none at all, leave the others what they are", async () => {
  const key = readFileSync(`${sshd.identity}.pub`, "utf8").split(" ")[1] ?? "";
  const blobs = [
    wire("ssh-xmss@openssh.com", "x"),
    Buffer.from("junk"),
    Buffer.from(key, "base64"),
    Buffer.alloc(0),
  ];
  const list = Buffer.concat([
    Buffer.from([12, 0, 0, 0, blobs.length]),
    ...blobs.map((blob, index) => wire(blob, `key ${index}`)),
  ]);
  await using agent = await startAgentServer(([type]) => (type === 11 ? list : FAILURE));
  const { attempts, obstacles } = await refusalWith({ agent: agent.socket, identityFiles: [] });
  assert.deepEqual(
    attempts.map(({ type, outcome }) => [type, outcome]),
    [["ssh-ed25519", { failed: "the agent refused to sign" }]],
  );
  assert.match(
    obstacles[0]?.what ?? "",
    /^key 0 is a key of a kind that is not supported \(ssh-xmss@openssh\.com\)$/,
  );
});
