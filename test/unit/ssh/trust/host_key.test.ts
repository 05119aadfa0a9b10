import assert from "node:assert/strict";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Failure } from "../../../../src/failure.ts";
import { fingerprint } from "../../../../src/ssh/keys/blob.ts";
import { hostKeyName, makeKey } from "../../../peers/keys.ts";
import { type Sshd, startSshd } from "../../../peers/sshd.ts";
import { listen } from "../../../peers/tcp.ts";
import { makeTemporary, removeTemporary } from "../../../peers/temporary.ts";
import { poll } from "../../../peers/waiting.ts";
import { connectTo, newStory, targetFor } from "../fixtures.ts";

const folder = makeTemporary();
let sshd: Sshd;
before(async () => {
  sshd = await startSshd({ hostKeys: ["ed25519", "rsa", "ecdsa"] });
});
after(async () => {
  await sshd.stop();
  removeTemporary(folder);
});

let count = 0;
function knownHosts(...lines: string[]): string {
  const path = join(folder, `known_hosts.${++count}`);
  writeFileSync(path, lines.join("\n"));
  return path;
}

function line(index: number): string {
  return sshd.hostKeys[index]?.line ?? "";
}

function fingerprintOf(keyLine: string): string {
  return fingerprint(Buffer.from(keyLine.split(" ")[1] ?? "", "base64"));
}

/** Connects with this known_hosts and says what was told of the host key. */
async function hostKeyWith(path: string, values: Parameters<typeof targetFor>[1] = {}): Promise<string> {
  const story = newStory();
  const connection = await connectTo(targetFor(sshd, { knownHosts: [path], ...values }), story);
  connection.end();
  await connection.closed;
  return story.steps.find(([step]) => step === "hostkey")?.[1] ?? "";
}

async function refusalWith(path: string, values: Parameters<typeof targetFor>[1] = {}): Promise<Failure> {
  const start = sshd.log().length;
  const story = newStory();
  try {
    const connection = await connectTo(targetFor(sshd, { knownHosts: [path], ...values }), story);
    connection.end();
  } catch (error) {
    assert.ok(error instanceof Failure, String(error));
    assert.equal(error.trouble, "hostkey");
    assert.equal(error.subject, "mail.test");
    assert.equal(story.progress.step, "hostkey");
    const log = () => sshd.log().slice(start);
    await poll(() => /Connection from [\s\S]*Disconnected from .*\[preauth\]/.test(log()), "its end", log);
    assert.doesNotMatch(log(), /publickey|Accepted/);
    return error;
  }
  throw new Error("was accepted");
}

test("a server is known by each type of its keys, and by the line that has it", async () => {
  const name = hostKeyName(sshd.host, sshd.port);
  const types = ["ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256"];
  for (const [index, type] of types.entries()) {
    const path = knownHosts("# mine", `${name} ${line(index)}`);
    const wanted = `${type} ${fingerprintOf(line(index))} known_hosts.${count}:2`;
    assert.equal(await hostKeyWith(path), wanted);
  }
});

test("hashed names, wildcards and a missing final newline are understood", async () => {
  assert.match(await hostKeyWith(sshd.knownHostsFile("hashed")), /^ssh-ed25519 SHA256:/);
  assert.match(await hostKeyWith(knownHosts(`[127.0.0.*]:* ${line(0)}`)), /^ssh-ed25519 SHA256:/);
});

test("a key under the bare name of the host counts for a port, as with ssh(1)", async () => {
  assert.match(await hostKeyWith(knownHosts(`127.0.0.1 ${line(1)}`)), /^ssh-rsa SHA256:/);
});

test("HostKeyAlias is looked up as it is", async () => {
  const path = knownHosts(`work ${line(2)}`);
  assert.match(await hostKeyWith(path, { hostKeyName: "work" }), /^ecdsa-sha2-nistp256 /);
  await refusalWith(knownHosts(`127.0.0.1 ${line(2)}`), { hostKeyName: "work" });
});

test("an unknown server is refused before any key of the user's is offered, with how to accept it", async () => {
  const path = sshd.knownHostsFile("empty");
  const { what, hints, status } = await refusalWith(path);
  assert.equal(what, `host key unknown (the server offered ssh-ed25519 ${fingerprintOf(line(0))})`);
  assert.equal(status, 77);
  const accept = /accept it: (.*)$/.exec(hints[1] ?? "")?.[1] ?? "";
  const { execFileSync } = await import("node:child_process");
  execFileSync("/bin/sh", ["-c", accept]);
  assert.match(await hostKeyWith(path), /^ssh-ed25519 /);
});

test("a missing file is an unknown server", async () => {
  const story = newStory();
  await assert.rejects(
    connectTo(targetFor(sshd, { knownHosts: [join(folder, "nowhere")] }), story),
    /unknown/,
  );
  assert.deepEqual(story.notes, []);
});

test("a file that cannot be read holds nothing, and the log says so", async () => {
  const story = newStory();
  await assert.rejects(connectTo(targetFor(sshd, { knownHosts: [folder] }), story), /unknown/);
  assert.deepEqual(story.notes, [`${folder}: cannot be read (EISDIR): no host key of it counts`]);
  const path = knownHosts(`${hostKeyName(sshd.host, sshd.port)} ${line(0)}`);
  chmodSync(path, 0o644);
  const connection = await connectTo(targetFor(sshd, { knownHosts: [folder, path] }), story);
  connection.end();
});

test("a changed key is refused, with both fingerprints and how to remove the old one", async () => {
  const path = sshd.knownHostsFile("wrong");
  const old = fingerprintOf(readFileSync(path, "utf8").split("\n")[0]?.split(" ").slice(1).join(" ") ?? "");
  const { what, hints } = await refusalWith(path);
  const file = path.split("/").at(-1);
  assert.equal(what, `host key changed (${file}:1 has ${old}, the server offered ${fingerprintOf(line(0))})`);
  const name = hostKeyName(sshd.host, sshd.port);
  assert.deepEqual(hints, [
    `if the server was reinstalled, remove the old key: ssh-keygen -R '${name}' -f ${path}`,
  ]);
});

test("a server known by a type of key that it does not have any more has changed", async () => {
  await using other = await startSshd({ hostKeys: ["rsa"] });
  const path = knownHosts(`${hostKeyName(other.host, other.port)} ${line(0)}`);
  const error = await connectTo(targetFor(other, { knownHosts: [path] })).catch((error) => error);
  assert.match(error.what, /has ssh-ed25519 SHA256:\S+, the server offered ssh-rsa SHA256:/);
});

test("a revoked key is refused, with the line that revokes it", async () => {
  const name = hostKeyName(sshd.host, sshd.port);
  const { what } = await refusalWith(knownHosts(`${name} ${line(0)}`, `@revoked * ${line(0)}`));
  assert.match(what, /^host key revoked \(known_hosts\.\d+:2 revokes ssh-ed25519 SHA256:/);
});

test("an authority's line is named where the server shows no certificate", async () => {
  const authority = makeKey(join(folder, "authority"));
  const { hints } = await refusalWith(knownHosts(`@cert-authority * ${authority.line}`));
  assert.match(hints.join("\n"), /known_hosts\.\d+:1 trusts an authority/);
});

test("a short RSA key is not trusted, known or not", async () => {
  const name = hostKeyName(sshd.host, sshd.port);
  const { what } = await refusalWith(knownHosts(`${name} ${line(1)}`), { smallestRsa: 3072 });
  assert.equal(what, "the server's RSA key has only 2048 bits");
});

test("HostkeyAlgorithms of ssh_config is kept to", async () => {
  const name = hostKeyName(sshd.host, sshd.port);
  const path = knownHosts(`${name} ${line(0)}`, `${name} ${line(1)}`);
  const none = { kex: undefined, cipher: undefined, mac: undefined, userKey: undefined };
  const shown = await hostKeyWith(path, { allowed: { ...none, hostKey: ["rsa-sha2-256", "x"] } });
  assert.match(shown, /^ssh-rsa /);
  await assert.rejects(
    hostKeyWith(path, { allowed: { ...none, hostKey: ["ssh-rsa"] } }),
    /allows none of the HostKeyAlgorithms/,
  );
});

test("a server that shows a known key but cannot sign with it is refused", async () => {
  const start = sshd.log().length;
  let changed = false;
  await using forger = await listen((client) => {
    const server = connect(sshd.port, sshd.host);
    client.pipe(server);
    server.on("data", (piece: Buffer) => {
      // The answer of the exchange: the type stands in the key and, last, in the signature.
      const at = piece.lastIndexOf("ssh-ed25519");
      if (!changed && at > 0 && piece.indexOf("ssh-ed25519") !== at && !piece.includes("curve25519")) {
        changed = true;
        piece.writeUInt8(piece.readUInt8(at + 40) ^ 1, at + 40);
      }
      client.write(piece);
    });
    for (const socket of [client, server]) socket.on("error", () => {}).on("close", () => server.destroy());
  });
  const { user, identity, knownHosts } = sshd;
  const forged = { host: forger.host, port: forger.port, user, identity, knownHosts };
  const target = targetFor(forged, { hostKeyName: hostKeyName(sshd.host, sshd.port) });
  const story = newStory();
  await assert.rejects(connectTo(target, story), {
    trouble: "hostkey",
    what: "the server has not proven that it has the host key",
  });
  assert.ok(changed);
  assert.ok(!story.steps.some(([step]) => step === "hostkey"));
  assert.doesNotMatch(sshd.log().slice(start), /publickey/);
});

test("the key is compared again whenever keys are renewed, and the connection goes on", async () => {
  await using rekeying = await startSshd({ config: ["RekeyLimit 64K"] });
  const connection = await connectTo(targetFor(rekeying));
  const command = await connection.exec("head -c 2000000 /dev/zero", {
    signal: new AbortController().signal,
  });
  let length = 0;
  command.stdout.on("data", (chunk: Buffer) => {
    length += chunk.length;
  });
  command.stderr.resume();
  assert.deepEqual(await command.ended, { kind: "status", status: 0 });
  assert.equal(length, 2_000_000);
  connection.end();
});
