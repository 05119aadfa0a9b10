import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { describeForms } from "../../peers/binaries.ts";
import { runCall, startCall } from "../../peers/call.ts";
import { makeMailbox } from "../../peers/dovecot.ts";
import { type HostLines, makeHome, tableFor } from "../../peers/home.ts";
import { hostKeyName } from "../../peers/keys.ts";
import { startProxy } from "../../peers/proxy.ts";
import { type Sshd, startSshd } from "../../peers/sshd.ts";
import { refusingPort, silentServer, speakingServer } from "../../peers/tcp.ts";
import { startUnanswering } from "../../peers/unanswering.ts";
import { converse, GREETING, MAIL, refusal, saying, since } from "./client.ts";

/** The deadline of these tables, and the whole second in which a call must be over, however busy the machine is. */
const DEADLINE = { deadline: "2s" };
const OVER = 5_000;

const REASON = "mail.test: timed out waiting for the SSH server of mail.test after 2 s";

/** What the next call says, which may be for another name of the server. */
function remembered(port: number, server = "mail.test"): string {
  const what = `timed out waiting for the SSH server at 127.0.0.1 port ${port} after 2 s`;
  return `${server}: ${what} (less than 30 s ago)`;
}

let sshd: Sshd;
before(async () => {
  sshd = await startSshd();
});
after(() => sshd.stop());

/** A known_hosts for the way to sshd that leads through another port. */
function knownAs(port: number): string {
  return sshd.hostKeys.map((key) => `${hostKeyName("127.0.0.1", port)} ${key.line}\n`).join("");
}

describeForms("the deadline", { concurrency: 4, together: true }, (form) => {
  const argv = [...form.argv, ...MAIL];

  test("ends the wait for a server that accepts and says nothing: the log and the client have the reason", async () => {
    using home = makeHome();
    await using listener = await silentServer();
    home.writeTable(tableFor(sshd, { ...DEADLINE, port: listener.port }));
    await using call = await startCall(argv, { env: home.env });
    await listener.connected();
    await call.readUntil(/^\* PREAUTH .*\r\n/, OVER);
    assert.ok(since(call) < OVER, `${since(call)} ms`);
    call.write("A7 SELECT INBOX\r\n");
    const { status, output } = await call.finished();
    assert.deepEqual([status, output.toString("latin1")], [69, refusal(REASON)]);
    assert.ok(home.log().includes(`${REASON}\n`), home.log());
    await listener.idle();
  });

  test("is not waited for by the next calls to a silent server: they fail at once with the reason", async () => {
    using home = makeHome();
    await using listener = await silentServer();
    const host = (keys: HostLines) =>
      tableFor(sshd, { ...DEADLINE, port: listener.port, command: "true", ...keys });
    home.writeTable(host({}) + host({ match: "other.test" }));
    assert.equal((await converse(argv, { env: home.env })).status, 69);
    assert.equal(listener.connections, 1);

    // Another METHOD, and another SERVER of the same address and port, meet the same silence.
    const [again, line, smtp, other] = await Promise.all([
      converse(argv, { env: home.env }),
      converse(argv, { env: home.env, stdio: "pipes" }),
      converse([...form.argv, "mail.test", "jane", "smtp"], { env: home.env }),
      converse([...form.argv, "other.test", "jane", "imap"], { env: home.env, stdio: "pipes" }),
    ]);
    assert.deepEqual(
      [again.status, again.output.toString("latin1")],
      [69, refusal(remembered(listener.port))],
    );
    assert.deepEqual([line.status, line.stderr], [69, `preauth: ${remembered(listener.port)}\n`]);
    assert.deepEqual([smtp.status, smtp.output.length], [69, 0]);
    assert.deepEqual(
      [other.status, other.stderr],
      [69, `preauth: ${remembered(listener.port, "other.test")}\n`],
    );
    assert.equal(listener.connections, 1);
  });

  test("is waited for by --check, whose success lets all calls through again", async () => {
    using home = makeHome();
    using mailbox = makeMailbox();
    await using proxy = await startProxy({ to: sshd });
    const known_hosts = home.write("known_hosts", knownAs(proxy.port));
    const keys = { port: proxy.port, known_hosts, "commands.imap": mailbox.command };
    home.writeTable(tableFor(sshd, { ...keys, ...DEADLINE }));
    proxy.freeze();
    assert.equal((await converse(argv, { env: home.env })).status, 69);
    const check = [...form.argv, "--check", "mail.test"];
    const silent = await runCall(check, { env: home.env, stdio: "pipes" });
    assert.deepEqual([silent.status, /timed out .* after 2 s/.test(silent.stderr)], [69, true]);
    assert.equal(proxy.connections, 2, "--check has tried");

    // The network is back, and mail calls do not know yet.
    proxy.thaw();
    const held = await converse(argv, { env: home.env });
    assert.deepEqual(
      [held.output.toString("latin1"), proxy.connections],
      [refusal(remembered(proxy.port)), 2],
    );

    home.writeTable(tableFor(sshd, keys));
    const checked = await runCall(check, { env: home.env });
    assert.equal(checked.status, 0, checked.output.toString());
    const { status, output } = await runCall(argv, { env: home.env, input: "A1 LOGOUT\r\n" });
    assert.deepEqual([status, output.toString().slice(0, 10)], [0, "* PREAUTH "]);
    assert.equal(proxy.connections, 4);
  });

  test("passed without a ProxyCommand says nothing about the same address through one, nor the other way", async () => {
    using home = makeHome();
    await using listener = await silentServer();
    const { port } = listener;
    const script = home.write(
      "through.cjs",
      `const far = require("node:net").connect(${sshd.port}, "127.0.0.1");
      process.stdin.pipe(far).pipe(process.stdout);`,
    );
    const ssh_config = home.write("through.conf", `Host *\nProxyCommand ${process.execPath} ${script}\n`);
    const known_hosts = home.write("known_hosts", knownAs(port));
    const through = { match: "other.test", port, ssh_config, known_hosts };
    const good = tableFor(sshd, { ...through, "commands.imap": saying(home, GREETING) });
    home.writeTable(tableFor(sshd, { ...DEADLINE, port }) + good);
    assert.equal((await converse(argv, { env: home.env })).status, 69);
    const options = { env: home.env, input: "A1 NOOP\r\n" };
    const { status, output } = await runCall([...form.argv, "other.test", "jane", "imap"], options);
    assert.deepEqual([status, output.toString()], [0, `${GREETING}A1 NOOP\r\n`]);
  });

  test("of a hasty host does not speak for one that gives the same server more time", async () => {
    using home = makeHome();
    await using listener = await silentServer();
    const { port } = listener;
    home.writeTable(
      tableFor(sshd, { deadline: "1500ms", port }) +
        tableFor(sshd, { match: "other.test", deadline: "5s", port }),
    );
    assert.equal((await converse(argv, { env: home.env })).status, 69);
    const other = await converse([...form.argv, "other.test", "jane", "imap"], {
      env: home.env,
      stdio: "pipes",
    });
    assert.deepEqual([other.status, listener.connections], [69, 2], other.stderr);
  });

  test("passed at one port says nothing about another", async () => {
    using home = makeHome();
    await using listener = await silentServer();
    const good = tableFor(sshd, { match: "other.test", "commands.imap": saying(home, GREETING) });
    home.writeTable(tableFor(sshd, { ...DEADLINE, port: listener.port }) + good);
    assert.equal((await converse(argv, { env: home.env })).status, 69);
    const options = { env: home.env, input: "A1 NOOP\r\n" };
    const { status, output } = await runCall([...form.argv, "other.test", "jane", "imap"], options);
    assert.deepEqual([status, output.toString()], [0, `${GREETING}A1 NOOP\r\n`]);
  });

  test("ends the wait for another METHOD too, in silence where standard error is the client's", async () => {
    using home = makeHome();
    await using listener = await silentServer();
    home.writeTable(tableFor(sshd, { ...DEADLINE, port: listener.port, command: "true" }));
    await using call = await startCall([...form.argv, "mail.test", "jane", "smtp"], { env: home.env });
    const { status, output } = await call.finished();
    assert.ok(since(call) < OVER, `${since(call)} ms`);
    assert.deepEqual([status, output.length], [69, 0]);
  });

  test("ends the wait for a server that does not even accept, which is remembered", async () => {
    using home = makeHome();
    await using nowhere = await startUnanswering();
    home.writeTable(tableFor(sshd, { ...DEADLINE, port: nowhere.port }));
    const reason = `mail.test: timed out connecting to 127.0.0.1 port ${nowhere.port} after 2 s`;
    await using call = await startCall([...form.argv, ...MAIL], { env: home.env, stdio: "pipes" });
    assert.deepEqual(await call.exited(OVER), { status: 69, signal: null });
    assert.equal((await call.finished()).stderr, `preauth: ${reason}\n`);
    const again = await converse([...form.argv, ...MAIL], { env: home.env, stdio: "pipes" });
    assert.deepEqual([again.status, again.stderr], [69, `preauth: ${reason} (less than 30 s ago)\n`]);
  });

  test("is waited for again by the next call where a server stops after its first words", async () => {
    using home = makeHome();
    await using listener = await speakingServer("SSH-2.0-slow\r\n");
    home.writeTable(tableFor(sshd, { ...DEADLINE, port: listener.port }));
    for (const time of [1, 2]) {
      const { status, stderr } = await converse(argv, { env: home.env, stdio: "pipes" });
      assert.equal(stderr, "preauth: mail.test: timed out exchanging keys with mail.test after 2 s\n");
      assert.deepEqual([status, listener.connections], [69, time]);
    }
  });

  test("ends the wait for an imapd that never greets, and the next call tries again", async () => {
    using home = makeHome();
    await using slow = await startSshd();
    home.writeTable(tableFor(slow, { deadline: "4s", "commands.imap": "echo wait; exec sleep 99" }));
    await using call = await startCall(argv, { env: home.env, stdio: "pipes" });
    assert.equal((await call.exited(OVER + 2_000)).status, 69);
    const { stderr } = await call.finished();
    assert.equal(
      stderr,
      'preauth: mail.test: timed out waiting for the greeting of mail.test after 4 s: "wait"\n',
    );
    home.writeTable(tableFor(slow, { "commands.imap": saying(home, GREETING) }));
    assert.equal((await runCall(argv, { env: home.env, input: "A1 NOOP\r\n" })).status, 0);
    assert.equal(slow.logins(), 2);
  });

  test("has no part in a refused connection: the next call tries again", async () => {
    using home = makeHome();
    const port = await refusingPort();
    home.writeTable(tableFor(sshd, { port }));
    for (const _ of [1, 2]) {
      const { stderr } = await converse(argv, { env: home.env, stdio: "pipes" });
      assert.equal(stderr, `preauth: mail.test: connection refused (127.0.0.1 port ${port})\n`);
    }
    const known_hosts = home.write("known_hosts", knownAs(port));
    await using proxy = await startProxy({ to: sshd, port });
    home.writeTable(tableFor(sshd, { port, known_hosts, "commands.imap": saying(home, GREETING) }));
    const { status, output } = await runCall(argv, { env: home.env, input: "A1 NOOP\r\n" });
    assert.deepEqual([status, output.toString(), proxy.connections], [0, `${GREETING}A1 NOOP\r\n`, 1]);
  });

  test("holds for another METHOD only until its command runs", async () => {
    using home = makeHome();
    home.writeTable(tableFor(sshd, { ...DEADLINE, "commands.smtp": "sleep 3; echo 220" }));
    const { status, output } = await runCall([...form.argv, "mail.test", "jane", "smtp"], {
      env: home.env,
    });
    assert.deepEqual([status, output.toString()], [0, "220\n"]);
  });
});
