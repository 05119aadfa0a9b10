import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { after, before, test } from "node:test";
import ssh2, { type ClientChannel } from "ssh2";
import { openAhead, ping, tapLogin, widenWindow } from "../../../../src/ssh/ssh2/taps.ts";
import { startAgent } from "../../../peers/agent.ts";
import { makeKey } from "../../../peers/keys.ts";
import { program } from "../../../peers/programs.ts";
import { type Sshd, startSshd } from "../../../peers/sshd.ts";
import { makeTemporary, removeTemporary } from "../../../peers/temporary.ts";
import { logIn, refusedLogin } from "../fixtures.ts";

const require = createRequire(import.meta.url);
const Protocol = require("ssh2/lib/protocol/Protocol.js");
const folder = makeTemporary();
let sshd: Sshd;
before(async () => {
  sshd = await startSshd({ clientKey: "rsa" });
});
after(async () => {
  await sshd.stop();
  removeTemporary(folder);
});

test("the shape that is relied on is that of the pinned version", () => {
  const { version } = require("ssh2/package.json");
  const { devDependencies } = require("../../../../package.json");
  assert.equal(version, devDependencies.ssh2);
  const { authPK, authNone, service, exec } = Protocol.prototype;
  assert.deepEqual([authPK.length, authNone.length, service.length, exec.length], [4, 1, 1, 3]);
  const client = new ssh2.Client();
  client.on("error", () => {});
  client.connect({ sock: new PassThrough(), username: "jane" });
  const none = () => undefined;
  const taps = {
    ...{ offer: none, onFailure: none, onExtensions: none, onInstruction: none, onStart: none },
  };
  assert.equal(tapLogin(client, taps), true);
  client.destroy();
});

test("a sign of life can be asked of the pinned version, and of nothing else", async () => {
  assert.equal(
    ping(new ssh2.Client(), () => {}),
    false,
  );
  const { connection } = await logIn(sshd, { identityFiles: [sshd.identity] });
  assert.equal(typeof connection.ping, "function");
});

test("OpenSSH 7.4 takes RSA with SHA-2, though it does not say so; others are believed", () => {
  for (const [version, expected] of [
    ["OpenSSH_7.4", ["ssh-rsa", "rsa-sha2-512", "rsa-sha2-256"]],
    ["OpenSSH_7.2", ["ssh-rsa"]],
  ] as const) {
    const client = new ssh2.Client();
    client.on("error", () => {});
    client.connect({ sock: new PassThrough(), username: "jane" });
    let seen: readonly string[] = [];
    const none = () => undefined;
    const onExtensions = ({ signatures }: { readonly signatures: readonly string[] | undefined }) => {
      seen = signatures ?? [];
    };
    tapLogin(client, {
      offer: none,
      onFailure: none,
      onExtensions,
      onInstruction: none,
      onStart: none,
    });
    const protocol = Reflect.get(client, "_protocol");
    Reflect.set(protocol, "_remoteIdentRaw", Buffer.from(`SSH-2.0-${version}`));
    protocol._handlers.EXT_INFO(protocol, [{ name: "server-sig-algs", algs: ["ssh-rsa"] }]);
    client.destroy();
    assert.deepEqual(seen, expected);
  }
});

test("what is no client of that version is left alone", () => {
  const client = new ssh2.Client();
  const none = () => undefined;
  const taps = {
    ...{ offer: none, onFailure: none, onExtensions: none, onInstruction: none, onStart: none },
  };
  // Not connected yet: it has no protocol.
  assert.equal(tapLogin(client, taps), false);
  assert.equal(
    openAhead(client, () => {}),
    undefined,
  );
});

/** Does something while what ssh2 keeps to itself looks like another version's. */
async function withAnotherShape<T>(work: () => Promise<T>): Promise<T> {
  const views = new WeakMap<object, unknown>();
  Object.defineProperty(ssh2.Client.prototype, "_protocol", {
    configurable: true,
    get() {
      return views.get(this);
    },
    set(protocol) {
      if (protocol !== undefined) views.set(this, Object.create(protocol, { _authsQueue: { value: 0 } }));
    },
  });
  try {
    return await work();
  } finally {
    Reflect.deleteProperty(ssh2.Client.prototype, "_protocol");
  }
}

test("another shape leaves the public way, which has plain keys, also RSA with SHA-2", () =>
  withAnotherShape(async () => {
    const other = makeKey(join(folder, "other"), "ecdsa");
    const { connection } = await logIn(sshd, { identityFiles: [other.path, sshd.identity] });
    assert.deepEqual(
      connection.attempts.map(({ type, outcome }) => [type, outcome]),
      [
        ["ecdsa-sha2-nistp256", "offered"],
        ["ssh-rsa", "signed"],
      ],
    );
    const { methods } = await refusedLogin(sshd, { identityFiles: [other.path] });
    assert.deepEqual(methods, ["publickey"]);
    await using agent = await startAgent([sshd.identity]);
    await logIn(sshd, { agent: agent.socket, identityFiles: [] });
    assert.doesNotMatch(sshd.log(), /ssh-rsa SHA1/);
  }));

test("there, a signature that is not allowed is not made", () =>
  withAnotherShape(async () => {
    const allowed = { kex: undefined, hostKey: undefined, cipher: undefined, mac: undefined };
    const { attempts } = await refusedLogin(sshd, { allowed: { ...allowed, userKey: ["rsa-sha2-512"] } });
    assert.deepEqual(attempts[0]?.outcome, { failed: "the server takes no signature that is allowed here" });
  }));

test("there, certificates and security keys are said not to be supported", () =>
  withAnotherShape(async () => {
    const key = makeKey(join(folder, "certified"));
    const words = ["-q", "-s", key.path, "-I", "x", "-n", sshd.user, `${key.path}.pub`];
    execFileSync(program("ssh-keygen"), words, { stdio: "ignore" });
    const { obstacles } = await refusedLogin(sshd, { identityFiles: [key.path] });
    assert.deepEqual(
      obstacles.map(({ what }) => what),
      [`${key.path}-cert.pub is a key of a kind that is not supported (ssh-ed25519-cert-v01@openssh.com)`],
    );
  }));

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

/** What ssh2 has in a channel for either direction. */
interface Directions {
  readonly incoming: { readonly window: number };
  readonly outgoing: object;
}

/** A channel of ssh2's alone, on which cat runs. */
async function bareChannel(): Promise<{ readonly channel: ClientChannel & Directions } & Disposable> {
  const client = new ssh2.Client();
  const { host, port, user: username, identity } = sshd;
  client.connect({ host, port, username, privateKey: readFileSync(identity), hostVerifier: () => true });
  await once(client, "ready");
  const channel = await new Promise<ClientChannel & Directions>((resolve, reject) => {
    client.exec("exec cat", (error, opened) => {
      if (error === undefined) resolve(opened as ClientChannel & Directions);
      else reject(error);
    });
  });
  return { channel, [Symbol.dispose]: () => client.destroy() };
}

test("a channel has the shape that its window is widened by, and waits for its reader as before", async () => {
  using bare = await bareChannel();
  const { channel } = bare;
  assert.equal(widenWindow(channel), true);
  assert.equal(channel.readableFlowing, null);
  assert.equal(channel.incoming.window, 2 * 1024 * 1024);
  channel.end("hello");
  assert.equal(String((await once(channel, "data"))[0]), "hello");
});

test("a channel of another shape is left alone, and carries its bytes", async () => {
  using bare = await bareChannel();
  const { channel } = bare;
  Object.assign(channel.outgoing, { state: 0 });
  assert.equal(widenWindow(channel), false);
  Object.assign(channel.outgoing, { state: "open" });
  channel.end("hello");
  assert.equal(String((await once(channel, "data"))[0]), "hello");
});
