import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { Failure } from "../../../../src/failure.ts";
import { type Connection, SessionRefusal } from "../../../../src/ssh/connection.ts";
import { processesMarked } from "../../../peers/processes.ts";
import { startProxy } from "../../../peers/proxy.ts";
import { startRoundProxy } from "../../../peers/rounds.ts";
import { startSshd } from "../../../peers/sshd.ts";
import { poll } from "../../../peers/waiting.ts";
import { connectTo, never, targetFor } from "../fixtures.ts";
import { startEarlyServer } from "../login/early_server.ts";

/** What a command writes; it must end with status 0. */
async function run(connection: Connection, line: string): Promise<string> {
  const command = await connection.exec(line, { signal: never() });
  let text = "";
  command.stdout.on("data", (chunk: Buffer) => {
    text += chunk.toString();
  });
  command.stderr.resume();
  command.stdin.end();
  assert.deepEqual(await command.ended, { kind: "status", status: 0 });
  return text;
}

/** Resolves when the server has answered all that it was asked before. */
function answered(connection: Connection): Promise<void> {
  return new Promise((resolve) => connection.ping(() => resolve()));
}

test("a command in a session that was opened ahead takes one round trip instead of two", async () => {
  await using sshd = await startSshd();
  await using proxy = await startRoundProxy(sshd);
  const target = targetFor({ ...sshd, port: proxy.port }, { hostKeyName: `[127.0.0.1]:${sshd.port}` });
  const connection = await connectTo(target);
  const roundsOf = async () => {
    await answered(connection);
    const before = proxy.rounds;
    const command = await connection.exec("echo there; cat", { signal: never() });
    command.stderr.resume();
    const [piece] = await once(command.stdout, "data");
    assert.equal(String(piece), "there\n");
    const rounds = proxy.rounds - before;
    command.stdin.end();
    await command.ended;
    return rounds;
  };
  assert.equal(await roundsOf(), 2);
  connection.openAhead();
  // A second one is not opened, and the next command finds none.
  connection.openAhead();
  assert.equal(await roundsOf(), 1);
  assert.equal(await roundsOf(), 2);
  connection.end();
});

test("a command does not wait longer for a session that is still being opened", async () => {
  await using sshd = await startSshd();
  const connection = await connectTo(targetFor(sshd));
  connection.openAhead();
  assert.equal(await run(connection, "echo one"), "one\n");
  connection.openAhead();
  const both = await Promise.all([run(connection, "echo two"), run(connection, "echo three")]);
  assert.deepEqual(both, ["two\n", "three\n"]);
  connection.end();
});

test("where the server opens no further session, the next command is refused or finds the room of another", async () => {
  await using sshd = await startSshd({ config: ["MaxSessions 1"] });
  const connection = await connectTo(targetFor(sshd));
  const first = await connection.exec("cat", { signal: never() });
  first.stdout.resume();
  first.stderr.resume();
  connection.openAhead();
  await assert.rejects(connection.exec("echo no", { signal: never() }), SessionRefusal);
  connection.openAhead();
  await answered(connection);
  first.stdin.end();
  await first.ended;
  // sshd has its room back when it has our end of the session, too.
  await answered(connection);
  assert.equal(await run(connection, "echo yes"), "yes\n");
  connection.end();
});

test("a session that the server closes before there is a command for it costs the command nothing", async () => {
  await using server = await startEarlyServer({ closesSecond: true });
  const connection = await connectTo(targetFor(server));
  for (let turn = 0; turn < 3; turn++) {
    assert.equal(await run(connection, "hello"), "hello\n");
    connection.openAhead();
    if (turn === 0) await answered(connection);
  }
  connection.end();
});

test("a connection that is lost meanwhile is told as such", async () => {
  await using sshd = await startSshd();
  await using proxy = await startProxy({ to: sshd });
  const target = targetFor({ ...sshd, port: proxy.port }, { hostKeyName: `[127.0.0.1]:${sshd.port}` });
  const connection = await connectTo(target);
  connection.openAhead();
  await answered(connection);
  const command = connection.exec("echo never", { signal: never() });
  proxy.cut();
  await assert.rejects(command, (error) => error instanceof Failure && /connection lost/.test(error.what));
  connection.openAhead();
  await assert.rejects(connection.exec("echo never", { signal: never() }), /connection lost/);
});

test("none is opened on a connection that is being closed", async () => {
  await using sshd = await startSshd();
  const connection = await connectTo(targetFor(sshd));
  connection.end();
  // Not known to be over yet, and ssh2 throws.
  connection.openAhead();
  await connection.closed;
});

test("a command that was given up while it was being started does not stay behind", async () => {
  await using sshd = await startSshd();
  const connection = await connectTo(targetFor(sshd));
  connection.openAhead();
  await answered(connection);
  const given = new AbortController();
  const mark = `MARK=${process.pid}-ahead`;
  const command = connection.exec(`env ${mark} cat`, { signal: given.signal });
  given.abort(new Error("given up"));
  await assert.rejects(command, /given up/);
  await answered(connection);
  assert.equal(await run(connection, "echo next"), "next\n");
  await poll(() => processesMarked(mark).length === 0, "the end of the command");
  connection.end();
});
