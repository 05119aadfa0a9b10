import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { describeForms, type Form } from "../../peers/binaries.ts";
import { type Call, startCall } from "../../peers/call.ts";
import { type Mailbox, makeMailbox } from "../../peers/dovecot.ts";
import type { Home } from "../../peers/home.ts";
import { Received } from "../../peers/received.ts";
import { skipUnlessRoot } from "../../peers/rights.ts";
import { startSmtp } from "../../peers/smtp.ts";
import { type Sshd, startSshd } from "../../peers/sshd.ts";
import { type Listener, refusingPort, speakingServer } from "../../peers/tcp.ts";
import { poll } from "../../peers/waiting.ts";
import { freePort } from "../../unit/forwards/fixtures.ts";
import { connected, heard, heardAsAnother, sceneFor } from "./one_forward.ts";

let sshd: Sshd;
let mailbox: Mailbox;
let smtp: Listener;

before(async () => {
  sshd = await startSshd();
  mailbox = makeMailbox();
  smtp = await speakingServer("220 mail.test ESMTP\r\n");
});
after(async () => {
  await smtp[Symbol.asyncDispose]();
  await sshd.stop();
  mailbox[Symbol.dispose]();
});

/** A mailbox that is open. */
async function open(form: Form, home: Home): Promise<Call> {
  const call = await startCall([...form.argv, "work", sshd.user, "imap"], { env: home.env });
  await call.readUntil(/^\* PREAUTH .*\r\n/);
  return call;
}

async function logout(call: Call): Promise<number | null> {
  call.write("z LOGOUT\r\n");
  await call.readUntil(/^z OK .*\r\n/m);
  call.end();
  return (await call.finished()).status;
}

const logged = (home: Home, pattern: RegExp): Promise<RegExpExecArray> =>
  poll(
    () => pattern.exec(home.log()) ?? undefined,
    `${pattern} in the log`,
    () => home.log(),
  );

const target = (): string => `127.0.0.1:${smtp.port}`;
const imap = (): { "commands.imap": string } => ({ "commands.imap": mailbox.command });

describeForms("a forward beside a mailbox", (form) => {
  test("is up on both loopbacks as long as the mailbox is open, and carries to its target", async () => {
    const { home, port } = await sceneFor(sshd, target(), "", imap());
    await using call = await open(form, home);
    await logged(home, /forward "smtp": carries port/);
    for (const host of ["127.0.0.1", "::1"]) {
      const client = await connected(port, host);
      client.end("QUIT\r\n");
      assert.equal(await heard(client), "220 mail.test ESMTP\r\n");
    }
    assert.equal(await logout(call), 0);
    await assert.rejects(connected(port));
    home[Symbol.dispose]();
  });

  test("that cannot be had never keeps the mailbox from opening, and the log says why", async () => {
    const dead = await refusingPort();
    const { home, port } = await sceneFor(sshd, `127.0.0.1:${dead}`, "", imap());
    await using call = await open(form, home);
    await logged(home, /forward "smtp": carries port/);
    assert.equal(await heard(await connected(port)), "");
    await logged(home, new RegExp(`127\\.0\\.0\\.1:${dead}.*refused`, "i"));
    assert.equal(await logout(call), 0);
    home[Symbol.dispose]();

    await using strict = await startSshd({ config: ["AllowTcpForwarding no"] });
    const closed = await sceneFor(strict, target(), "", imap());
    await using other = await open(form, closed.home);
    await logged(closed.home, /forward "smtp": carries port/);
    assert.equal(await heard(await connected(closed.port)), "");
    await logged(closed.home, /the server does not allow forwarding/);
    assert.equal(await logout(other), 0);
    closed.home[Symbol.dispose]();
  });

  test("whose port another program of the same user has is left to that one", async () => {
    await using mine = await speakingServer("mine");
    const { home } = await sceneFor(sshd, target(), "", imap(), mine.port);
    await using call = await open(form, home);
    await logged(
      home,
      new RegExp(`forward "smtp": port ${mine.port} is in use by .*pid ${process.pid}\\) of the same user`),
    );
    assert.equal(await logout(call), 0);
    home[Symbol.dispose]();
  });

  test("turns away another user, and carries for its own", { skip: skipUnlessRoot }, async () => {
    const { home, port } = await sceneFor(sshd, target(), "", imap());
    await using call = await open(form, home);
    await logged(home, /forward "smtp": carries port/);
    const before = smtp.connections;
    assert.equal(await heardAsAnother(port), "");
    assert.equal(smtp.connections, before);
    await logged(home, /uid 12345/);
    const client = await connected(port);
    client.end();
    assert.equal(await heard(client), "220 mail.test ESMTP\r\n");
    assert.equal(await logout(call), 0);
    home[Symbol.dispose]();
  });

  test("that is in use outlives the mailbox until the mail is through", async () => {
    await using server = await startSmtp(await freePort());
    const { home, port } = await sceneFor(sshd, `${server.host}:${server.port}`, "", imap());
    await using call = await open(form, home);
    await logged(home, /forward "smtp": carries port/);
    const client = await connected(port);
    const said = new Received(client, "the SMTP server");
    client.write("HELO client.test\r\nMAIL FROM:<jane@isp.com>\r\nRCPT TO:<joe@isp.com>\r\nDATA\r\n");
    await said.until(/^354 /m);
    // More than an SSH channel's window in each half, so that both are on their way for a while.
    const half = (name: string) => `${name} ${"x".repeat(60)}\n`.repeat(60_000);
    const text = `Subject: Halves\n\n${half("first")}`;
    client.write(text.replaceAll("\n", "\r\n"));
    call.write("z LOGOUT\r\n");
    await call.readUntil(/^z OK .*\r\n/m);
    call.end();
    await logged(home, /waiting for 1 forwarded connection/);
    await assert.rejects(connected(port));
    client.write(`${half("second")}.\n`.replaceAll("\n", "\r\n"));
    await said.until(/^354 .*\r\n250 OK\r\n/m);
    const letter = await server.letter();
    assert.equal(letter.text === `${text}${half("second")}`, true, `${letter.text.length} characters came`);
    assert.deepEqual(letter.to, ["joe@isp.com"]);
    client.end("QUIT\r\n");
    assert.equal((await call.finished()).status, 0);
    home[Symbol.dispose]();
  });

  test("of twenty starts at once has one holder, and twenty mailboxes open", {
    timeout: 120_000,
  }, async () => {
    await using wide = await startSshd({ config: ["MaxStartups 100", "MaxSessions 100"] });
    const { home, port } = await sceneFor(wide, target(), "", imap());
    const starts = Array.from({ length: 20 }, () =>
      startCall([...form.argv, "work", wide.user, "imap"], { env: home.env }),
    );
    const calls = await Promise.all(starts);
    try {
      for (const call of calls) await call.readUntil(/^\* PREAUTH .*\r\n/, 60_000);
      await poll(
        () => home.log().match(/forward "smtp": /g)?.length === 20,
        "twenty lines about the forward",
        () => home.log(),
      );
      assert.equal(home.log().match(/forward "smtp": carries port/g)?.length, 1);
      const client = await connected(port);
      client.end();
      assert.equal(await heard(client), "220 mail.test ESMTP\r\n");
      for (const call of calls) {
        call.write("z LOGOUT\r\n");
        await call.readUntil(/^z OK .*\r\n/m);
      }
    } finally {
      for (const call of calls) await call[Symbol.asyncDispose]();
    }
    home[Symbol.dispose]();
  });
});
