import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, test } from "node:test";
import ssh2 from "ssh2";
import { describeForms } from "../../peers/binaries.ts";
import { runCall } from "../../peers/call.ts";
import { makeHome, tableFor } from "../../peers/home.ts";
import { type KeyType, makeKey } from "../../peers/keys.ts";
import { program } from "../../peers/programs.ts";
import { makeTemporary, removeTemporary } from "../../peers/temporary.ts";

const folder = makeTemporary();
let count = 0;
after(() => removeTemporary(folder));

/** What ssh2's server has of its own, for a server that does not send server-sig-algs (RFC 8308 section 3.1). */
interface Inside {
  readonly _protocol: {
    _onHandshakeComplete: (...words: unknown[]) => void;
    readonly _kex: { remoteExtInfoEnabled: boolean };
  };
}

/** An SSH server that lets nobody in, and notes what it was asked. */
async function startSilent() {
  const host = makeKey(join(folder, `host${++count}`));
  const asked: string[] = [];
  const server = new ssh2.Server({ hostKeys: [readFileSync(host.path)] }, (client) => {
    const { _protocol: protocol } = client as unknown as Inside;
    const complete = protocol._onHandshakeComplete;
    protocol._onHandshakeComplete = (...words) => {
      protocol._kex.remoteExtInfoEnabled = false;
      complete(...words);
    };
    client.on("error", () => {});
    client.on("authentication", (attempt) => {
      asked.push(attempt.method === "publickey" ? `${attempt.method} ${attempt.key.algo}` : attempt.method);
      attempt.reject(["publickey"]);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    host,
    port,
    asked,
    [Symbol.asyncDispose]: () => new Promise<void>((done) => server.close(() => done())),
  };
}

describeForms("a server that does not say which signatures it takes", (form) => {
  async function ask(type: KeyType, isCertified = false) {
    using home = makeHome();
    await using server = await startSilent();
    const { path: identity } = makeKey(join(home.path, "id"), type);
    const words = ["-q", "-s", server.host.path, "-I", "test", "-n", "jane", `${identity}.pub`];
    if (isCertified) execFileSync(program("ssh-keygen"), words, { stdio: "ignore" });
    const knownHosts = home.write("known_hosts", `* ${server.host.line}\n`);
    const sshd = { host: "127.0.0.1", port: server.port, user: "jane", identity, knownHosts };
    home.writeTable(tableFor(sshd, { "commands.imap": "true" }));
    const argv = [...form.argv, "mail.test", "jane", "imap"];
    const { status, stderr } = await runCall(argv, { env: home.env, stdio: "pipes", input: "A1 NOOP\r\n" });
    return { status, stderr, asked: server.asked };
  }

  const reason = "the server does not say that it takes RSA signatures with SHA-2";

  test("is not offered an RSA key, for which that means SHA-1 (RFC 8332 section 3.3)", async () => {
    const { status, stderr, asked } = await ask("rsa");
    assert.deepEqual(asked, ["none"]);
    assert.match(stderr, new RegExp(`\\bid was not offered, as ${reason} \\(ssh-rsa\\)`));
    assert.equal(status, 77);
  });

  test("is not offered an RSA certificate either", async () => {
    const { status, stderr, asked } = await ask("rsa", true);
    assert.deepEqual(asked, ["none"]);
    assert.match(stderr, new RegExp(`id-cert\\.pub was not offered, as ${reason} \\(ssh-rsa-cert-v01@`));
    assert.equal(status, 77);
  });

  test("is offered other keys", async () => {
    assert.deepEqual((await ask("ed25519")).asked, ["publickey ssh-ed25519"]);
  });
});
