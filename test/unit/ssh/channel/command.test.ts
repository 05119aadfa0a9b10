import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import type { Readable } from "node:stream";
import { after, before, test } from "node:test";
import { Failure } from "../../../../src/failure.ts";
import type { RemoteCommand } from "../../../../src/ssh/channel/remote_command.ts";
import { type Connection, SessionRefusal } from "../../../../src/ssh/connection.ts";
import { startProxy } from "../../../peers/proxy.ts";
import { type Sshd, startSshd } from "../../../peers/sshd.ts";
import { within } from "../../../peers/waiting.ts";
import { connectTo, never, targetFor } from "../fixtures.ts";

let sshd: Sshd;
let connection: Connection;
before(async () => {
  sshd = await startSshd();
  connection = await connectTo(targetFor(sshd));
});
after(async () => {
  connection.end();
  await sshd.stop();
});

async function all(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function run(line: string, input = "") {
  const command = await connection.exec(line, { signal: never() });
  command.stdin.end(input);
  const [out, err, exit] = await Promise.all([all(command.stdout), all(command.stderr), command.ended]);
  return { out: String(out), err: String(err), exit };
}

function drain({ stdout, stderr }: RemoteCommand): void {
  stdout.resume();
  stderr.resume();
}

for (const status of [0, 3, 127, 255]) {
  test(`a command that exits with ${status} ends so`, async () => {
    assert.deepEqual((await run(`exit ${status}`)).exit, { kind: "status", status });
  });
}

test("input, output and standard error are kept apart, and half-closing works", async () => {
  const { out, err, exit } = await run("echo err >&2; cat; echo end", "hello\n");
  assert.equal(out, "hello\nend\n");
  assert.equal(err, "err\n");
  assert.deepEqual(exit, { kind: "status", status: 0 });
});

test("a command killed by a signal ends by that signal", async () => {
  assert.deepEqual((await run("kill -TERM $$")).exit, { kind: "signal", signal: "SIGTERM" });
  assert.deepEqual((await run("kill -KILL $$")).exit, { kind: "signal", signal: "SIGKILL" });
});

test("a megabyte on standard error, after the end of the output too, comes whole", async () => {
  const { out, err, exit } = await run("exec >&-; head -c 1000000 /dev/zero >&2; exit 7");
  assert.equal(out, "");
  assert.equal(err.length, 1_000_000);
  assert.deepEqual(exit, { kind: "status", status: 7 });
});

test("eight megabytes go both ways whole, through a reader that stops now and then", async () => {
  const command = await connection.exec("cat", { signal: never() });
  command.stderr.resume();
  const block = Buffer.from(Array.from({ length: 64 * 1024 }, (_, index) => (index * 7) & 0xff));
  const [sent, received] = [createHash("sha256"), createHash("sha256")];
  const pour = async () => {
    for (let index = 0; index < 128; index++) {
      sent.update(block);
      if (!command.stdin.write(block)) await once(command.stdin, "drain");
    }
    command.stdin.end();
  };
  let chunks = 0;
  command.stdout.on("data", (chunk: Buffer) => {
    received.update(chunk);
    if (++chunks % 50 !== 0) return;
    command.stdout.pause();
    setImmediate(() => command.stdout.resume());
  });
  await Promise.all([pour(), command.ended]);
  assert.equal(received.digest("hex"), sent.digest("hex"));
});

test("a reader that does not read holds the writer back", async () => {
  const command = await connection.exec("cat", { signal: never() });
  const block = Buffer.alloc(1024 * 1024);
  const accepted = { count: 0 };
  const writeOn = () => {
    accepted.count++;
    if (accepted.count < 64) command.stdin.write(block, writeOn);
  };
  writeOn();
  // A round trip on the same connection, some times over: what can be written has been.
  for (let index = 0; index < 5; index++) await run("true");
  assert.ok(accepted.count < 20, `${accepted.count} MB were taken`);
  command.hangUp();
  await command.ended;
});

test("what is written after the end of the command is thrown away without an error", async () => {
  const command = await connection.exec("exit 4", { signal: never() });
  command.stdin.on("error", assert.fail);
  drain(command);
  assert.deepEqual(await command.ended, { kind: "status", status: 4 });
  for (let index = 0; index < 3; index++) {
    await new Promise((resolve) => command.stdin.write(Buffer.alloc(100_000), resolve));
  }
  command.stdin.end();
  await once(command.stdin, "finish");
});

test("a write that waits for a command which ends is let go", async () => {
  const command = await connection.exec("sleep 0.3", { signal: never() });
  drain(command);
  const written = new Promise((resolve) => command.stdin.write(Buffer.alloc(8 * 1024 * 1024), resolve));
  await command.ended;
  await within(written, "the write");
});

test("hanging up ends a command that would go on, also one whose output nobody reads", async () => {
  for (const read of [true, false]) {
    const other = await connectTo(targetFor(sshd));
    const command = await other.exec("trap '' HUP; while :; do echo x; done", { signal: never() });
    if (read) drain(command);
    await once(command.stdout, "readable");
    command.hangUp();
    const exit = await within(command.ended, "the end", undefined, 2000);
    assert.notEqual(exit.kind, "status");
    other.end();
    await other.closed;
  }
});

test("hanging up on a server that does not answer takes the connection with it within a second", async () => {
  await using frozen = await startSshd();
  const other = await connectTo(targetFor(frozen));
  const command = await other.exec("cat", { signal: never() });
  frozen.freeze();
  command.hangUp();
  assert.deepEqual(await within(command.ended, "the end", undefined, 1000), { kind: "lost", why: "hung up" });
  await within(other.closed, "the connection's end", undefined, 1000);
});

test("a connection that breaks under a command: what had come is there, and the end is lost", async () => {
  await using proxy = await startProxy({ to: sshd });
  for (const compression of [false, true]) {
    const target = targetFor(
      { ...pick(sshd), host: proxy.host, port: proxy.port },
      { hostKeyName: `[127.0.0.1]:${sshd.port}`, compression },
    );
    const other = await connectTo(target);
    const command = await other.exec("head -c 1500000 /dev/urandom; cat", { signal: never() });
    command.stderr.resume();
    command.stdin.on("error", assert.fail);
    await once(command.stdout, "readable");
    // All of it is on this side once an echo has come back through the same window.
    await new Promise((resolve) => command.stdin.write("x", resolve));
    proxy.cut();
    const reason = await within(other.closed, "the end of the connection");
    command.stdin.write("more");
    command.stdin.end();
    const out = await all(command.stdout);
    assert.deepEqual(await command.ended, { kind: "lost", why: reason });
    assert.match(reason, /connection reset|the server closed the connection/);
    assert.ok(out.length > 0);
    await assert.rejects(other.exec("true", { signal: never() }), { trouble: "network" });
    other.end();
  }
});

function pick({ host, port, user, identity, knownHosts }: Sshd) {
  return { host, port, user, identity, knownHosts };
}

test("MaxSessions is a refusal of its own kind, and the first session goes on", async () => {
  await using small = await startSshd({ config: ["MaxSessions 1"] });
  const other = await connectTo(targetFor(small));
  const command = await other.exec("cat", { signal: never() });
  drain(command);
  await assert.rejects(other.exec("cat", { signal: never() }), (error) => {
    assert.ok(error instanceof SessionRefusal);
    assert.equal(error.trouble, "command");
    assert.equal(error.what, 'the server opens no session: "open failed"');
    return true;
  });
  command.stdin.end();
  assert.deepEqual(await command.ended, { kind: "status", status: 0 });
  other.end();
});

test("a server without sessions for the user says so", async () => {
  await using none = await startSshd({ config: ["MaxSessions 0"] });
  const other = await connectTo(targetFor(none));
  await assert.rejects(other.exec("true", { signal: never() }), SessionRefusal);
  other.end();
});

test("an exec that is given up rejects with the reason, and the connection goes on", async () => {
  const controller = new AbortController();
  const reason = new Failure("gone", "mail.test", "enough");
  const asked = connection.exec("cat", { signal: controller.signal });
  controller.abort(reason);
  await assert.rejects(asked, (error) => error === reason);
  await assert.rejects(
    async () => connection.exec("cat", { signal: controller.signal }),
    (error) => error === reason,
  );
  assert.equal((await run("echo on")).out, "on\n");
});

test("an end is polite: sshd hears of it, and nothing is left", async () => {
  const start = sshd.log().length;
  const other = await connectTo(targetFor(sshd));
  other.end();
  await within(other.closed, "the end", undefined, 1000);
  await sshd.logged(/Received disconnect from .*:11:/);
  assert.match(sshd.log().slice(start), /Accepted publickey/);
});

test("a connection that is being ended starts nothing more, and says that it is lost", async () => {
  const ending = await connectTo(targetFor(sshd));
  ending.end();
  ending.openAhead();
  const lost = (error: unknown) => error instanceof Failure && error.what.startsWith("connection lost: ");
  await assert.rejects(ending.exec("true", { signal: never() }), lost);
  await assert.rejects(
    ending.forward({ host: "127.0.0.1", port: 1 }, { address: "127.0.0.1", port: 1 }),
    lost,
  );
  await ending.closed;
  await assert.rejects(ending.exec("true", { signal: never() }), lost);
});
