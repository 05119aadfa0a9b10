import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { ConnectTimeout } from "../../../../src/ssh/network/connect_timeout.ts";
import type { Tcp } from "../../../../src/target/tcp_options.ts";
import { hostKeyName } from "../../../peers/keys.ts";
import { type Sshd, startSshd } from "../../../peers/sshd.ts";
import { listen, refusingPort, silentServer } from "../../../peers/tcp.ts";
import { makeTemporary, removeTemporary } from "../../../peers/temporary.ts";
import { connectTo, never, newStory, targetFor, type Values } from "../fixtures.ts";

const folder = makeTemporary();
let sshd: Sshd;
before(async () => {
  sshd = await startSshd();
});
after(async () => {
  await sshd.stop();
  removeTemporary(folder);
});

const PLAIN: Tcp = {
  ...{ bindAddress: undefined, bindInterface: undefined },
  ...{ attempts: 1, keepAlive: true, timeout: undefined },
};

/** Logs in with these settings, and out again. */
async function logIn(tcp: Partial<Tcp>, values: Values = {}): Promise<void> {
  const connection = await connectTo(targetFor(sshd, { tcp: { ...PLAIN, ...tcp }, ...values }));
  connection.end();
  await connection.closed;
}

test("BindAddress is the address that the server sees, given by its name too", async () => {
  await logIn({ bindAddress: "127.0.0.2" });
  await sshd.logged(/^Connection from 127\.0\.0\.2 port/m);
  await logIn({ bindAddress: "localhost" });
});

test("BindInterface is one of the interface's own addresses", async () => {
  const [loopback] =
    Object.entries(networkInterfaces()).find(([, all]) => all?.some((one) => one.internal)) ?? [];
  await logIn({ bindInterface: loopback ?? "lo" });
});

test("an address that this machine does not have is not replaced by another", async () => {
  const start = sshd.connections();
  await assert.rejects(logIn({ bindAddress: "203.0.113.9" }), {
    trouble: "network",
    what: /^this machine does not have the address to connect from \(127\.0\.0\.1 port/,
  });
  for (const tcp of [{ bindAddress: "::1" }, { bindInterface: "no-such0" }]) {
    await assert.rejects(logIn(tcp), {
      trouble: "network",
      what: /^Bind\w+ "\S+" has no address to connect/,
    });
  }
  assert.equal(sshd.connections(), start);
});

test("ConnectionAttempts tries again, and the last failure is told", async () => {
  let count = 0;
  await using gate = await listen((socket) => {
    count++;
    socket.end();
  });
  // A connection that was made is not made again; one that is refused is.
  const port = await refusingPort();
  const target = targetFor({ ...sshd, host: "127.0.0.1", port }, { tcp: { ...PLAIN, attempts: 2 } });
  const began = performance.now();
  await assert.rejects(connectTo(target), { what: `connection refused (127.0.0.1 port ${port})` });
  assert.equal(performance.now() - began >= 900, true, "it breathed once");
  const closing = targetFor(
    { ...sshd, host: gate.host, port: gate.port },
    { tcp: { ...PLAIN, attempts: 3 } },
  );
  await assert.rejects(connectTo(closing), { what: /closed the connection/ });
  assert.equal(count, 1);
});

test("ConnectionAttempts does not outlive the signal", async () => {
  const port = await refusingPort();
  const target = targetFor({ ...sshd, port }, { tcp: { ...PLAIN, attempts: 1000 } });
  const ends = new AbortController();
  const reason = new Error("enough");
  const connecting = connectTo(target, newStory(), ends.signal);
  setImmediate(() => ends.abort(reason));
  await assert.rejects(connecting, (error) => error === reason);
});

test("ConnectTimeout ends a connection whose server says nothing", async () => {
  await using silent = await silentServer();
  const target = targetFor({ ...sshd, port: silent.port }, { tcp: { ...PLAIN, timeout: 1000 } });
  await assert.rejects(connectTo(target), {
    trouble: "deadline",
    what: "timed out waiting for the SSH server of mail.test after the 1 s of ConnectTimeout",
  });
  await silent.idle();
});

test("ConnectTimeout is over when keys are exchanged: a login may take longer", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const target = targetFor(sshd, { tcp: { ...PLAIN, timeout: 1000 } });
  for (const [step, isLimited] of [
    ["kex", true],
    ["auth", false],
  ] as const) {
    const { progress } = newStory();
    const limit = new ConnectTimeout(target, { signal: never(), progress });
    progress.begin(step, "working");
    context.mock.timers.tick(1000);
    assert.equal(limit.signal.aborted, isLimited, step);
    limit.end();
  }
});

/** A program that prints the keys of the server, or does something else. */
function keys(script: string): string {
  const path = join(folder, `keys.${Math.random()}`);
  writeFileSync(path, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return path;
}

test("KnownHostsCommand adds keys to those of the files, and revokes them", async () => {
  const knownHosts = [sshd.knownHostsFile("empty")];
  const line = `${hostKeyName(sshd.host, sshd.port)} ${sshd.hostKeys[0]?.line}`;
  await logIn(
    {},
    { knownHosts, knownHostsCommand: { words: [keys(`test "$1" = x && echo '${line}'`), "x"] } },
  );
  const revoke = { words: [keys(`echo '@revoked * ${sshd.hostKeys[0]?.line}'`)] };
  await assert.rejects(logIn({}, { knownHostsCommand: revoke }), {
    trouble: "hostkey",
    what: /^host key revoked \(KnownHostsCommand:1 /,
  });
});

test("a KnownHostsCommand that fails ends the call, as it ends ssh, and one that is not there does not", async () => {
  for (const [program, what] of [
    [keys("echo oh no >&2; exit 3"), /^KnownHostsCommand "\S+" ended with 3: "oh no"$/],
    [folder, /cannot be run \(EACCES\)$/],
  ] as const) {
    await assert.rejects(logIn({}, { knownHostsCommand: { words: [program] } }), { trouble: "table", what });
  }
  await logIn({}, { knownHostsCommand: { words: [join(folder, "nowhere")] } });
});
