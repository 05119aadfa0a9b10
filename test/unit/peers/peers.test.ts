import assert from "node:assert/strict";
import { connect } from "node:net";
import { describe, test } from "node:test";
import { runCall, startCall } from "../../peers/call.ts";
import { makeMailbox } from "../../peers/dovecot.ts";
import { makeHome } from "../../peers/home.ts";
import type { Stdio } from "../../peers/plumbing.ts";
import { isAlive } from "../../peers/processes.ts";
import { startProxy } from "../../peers/proxy.ts";
import { Received } from "../../peers/received.ts";
import { startSmtp } from "../../peers/smtp.ts";
import { type Sshd, startSshd } from "../../peers/sshd.ts";
import { startUnanswering } from "../../peers/unanswering.ts";
import { freePort } from "../forwards/fixtures.ts";

/** OpenSSH's own client, which nothing of the machine's configuration reaches. */
function ssh(sshd: Sshd, command: string, port = sshd.port): string[] {
  const options = ["BatchMode=yes", "IdentitiesOnly=yes", `UserKnownHostsFile=${sshd.knownHosts}`];
  const words = [
    "-F",
    "none",
    "-i",
    sshd.identity,
    "-p",
    String(port),
    `-oHostKeyAlias=[127.0.0.1]:${sshd.port}`,
  ];
  return ["ssh", ...words, ...options.map((option) => `-o${option}`), `${sshd.user}@${sshd.host}`, command];
}

/** What the three descriptors are: kind and, where two are the same, the same name. */
async function descriptors(stdio: Stdio): Promise<string[]> {
  using home = makeHome();
  const script = 'for n in 0 1 2; do readlink "/proc/$$/fd/$n" || echo none; done; exit 3';
  await using call = await startCall(["sh", "-c", script], { env: home.env, stdio });
  const { status, output } = await call.finished();
  assert.equal(status, 3);
  const names = output.toString("latin1").trim().split(/\r?\n/);
  return names.map((name) => name.replace(/^.*\//, "").replace(/\d+/, ""));
}

describe("the stand-ins of mail clients", () => {
  const expected: Record<Stdio, string[]> = {
    alpine: ["in", "out", "out"],
    pipes: ["in", "out", "err"],
    devnull: ["in", "out", "null"],
    "closed-stderr": ["in", "out", "none"],
    socketpair: ["socket:[]", "socket:[]", "err"],
    terminal: ["", "", ""],
  };
  for (const [stdio, names] of Object.entries(expected) as [Stdio, string[]][]) {
    test(`"${stdio}" gives what it says`, async () => assert.deepEqual(await descriptors(stdio), names));
  }

  test("a signal that ends the program is seen, and so is an end of its output that comes later", async () => {
    using home = makeHome();
    await using call = await startCall(["sh", "-c", "(sleep 0.2; echo late) & kill -KILL $$"], {
      env: home.env,
    });
    assert.deepEqual(await call.exited(), { status: null, signal: "SIGKILL" });
    assert.equal((await call.finished()).output.toString(), "late\n");
  });
});

describe("sshd", () => {
  test("serves Dovecot's imap, logged in, with the messages of the Maildir", async () => {
    using home = makeHome();
    using mailbox = makeMailbox({ large: 1 });
    await using sshd = await startSshd();
    await using call = await startCall(ssh(sshd, mailbox.command), { env: home.env });
    await call.readUntil(/^\* PREAUTH .*\r\n/);
    assert.equal(sshd.logins(), 1);
    assert.equal(sshd.sessions().length, 1);
    call.write("A1 STATUS INBOX (MESSAGES)\r\nA2 STATUS Archive (MESSAGES)\r\nA3 LOGOUT\r\n");
    await call.readUntil(/^\* STATUS INBOX \(MESSAGES 4\)\r\n/m);
    await call.readUntil(/^\* STATUS Archive \(MESSAGES 2\)\r\n/m);
    assert.equal((await call.finished()).status, 0);
    await sshd.idle();
  });

  test("is known by a hashed file, and not by a wrong or an empty one", async () => {
    using home = makeHome();
    await using sshd = await startSshd();
    for (const [kind, status] of [
      ["hashed", 0],
      ["wrong", 255],
      ["empty", 255],
    ] as const) {
      const words = ssh({ ...sshd, knownHosts: sshd.knownHostsFile(kind), host: sshd.host }, "true");
      assert.equal((await runCall(words, { env: home.env })).status, status, kind);
    }
  });

  for (const shell of ["/usr/bin/tcsh", "/usr/bin/fish"]) {
    test(`has ${shell} as login shell when told so, and a home of its own`, async () => {
      using home = makeHome();
      await using sshd = await startSshd({ shell, files: { marker: "" } });
      const { output } = await runCall(ssh(sshd, "cd; ls; echo $version"), { env: home.env });
      assert.match(output.toString(), /marker\n(tcsh 6|\d+\.\d)/);
    });
  }

  test("takes remote commands that ignore everything with it when it stops", async () => {
    using home = makeHome();
    await using sshd = await startSshd();
    await using call = await startCall(ssh(sshd, "setsid sleep 999 <&- >&- 2>&- & echo $!; wait"), {
      env: home.env,
    });
    const [, pid] = await call.readUntil(/^(\d+)\n/);
    await sshd.stop();
    assert.equal(isAlive(Number(pid)), false);
  });
});

describe("the SMTP server", () => {
  test("keeps each letter as it was sent, and counts its connections", async () => {
    await using server = await startSmtp(await freePort());
    assert.equal(await server.connections(), 0);
    const texts = ["Subject: one\n\nFrom here\n..\n.to there\n", "Subject: two\n\n"];
    for (const text of texts) {
      const client = connect(server);
      const said = new Received(client, "the SMTP server");
      client.write("HELO a\r\nMAIL FROM:<a@mail.test>\r\nRCPT TO:<b@mail.test>\r\nRCPT TO:<c@mail.test>\r\n");
      const stuffed = text.replace(/^\./gm, "..").replaceAll("\n", "\r\n");
      client.write(`DATA\r\n${stuffed}.\r\nQUIT\r\n`);
      await said.ended();
    }
    const [from, to] = ["a@mail.test", ["b@mail.test", "c@mail.test"]];
    assert.deepEqual(await server.letter(1), { from, to, text: texts[0] });
    assert.deepEqual(await server.letter(2), { from, to, text: texts[1] });
    assert.equal(await server.connections(), 2);
    assert.equal(await server.connections(), 2);
  });

  test("says why it does not start on a port that is taken", async () => {
    await using server = await startSmtp(await freePort());
    await assert.rejects(startSmtp(server.port), /address already in use/);
  });
});

describe("the network", () => {
  test("can freeze in the middle and go on", async () => {
    using home = makeHome();
    await using sshd = await startSshd();
    await using proxy = await startProxy({ to: sshd, delay: 2, freezeWhen: ({ down }) => down > 500 });
    await using call = await startCall(ssh(sshd, "echo done", proxy.port), { env: home.env });
    await proxy.froze();
    assert.equal(call.output.length, 0);
    proxy.thaw();
    await call.readUntil(/done/);
  });

  test("can leave a connection without an answer", async () => {
    await using nowhere = await startUnanswering();
    const socket = connect(nowhere);
    const outcome = new Promise((resolve) => socket.on("connect", resolve).on("error", resolve));
    const second = new Promise((resolve) => setTimeout(resolve, 1000, "nothing"));
    assert.equal(await Promise.race([outcome, second]), "nothing");
    socket.destroy();
  });
});
