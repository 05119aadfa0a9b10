import assert from "node:assert/strict";
import { chmodSync, lstatSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { describeForms } from "../../peers/binaries.ts";
import { type ImapClient, imapClient } from "../../peers/imap_client.ts";
import { refusingPort, speakingServer } from "../../peers/tcp.ts";
import { makeTemporary, removeTemporary } from "../../peers/temporary.ts";
import { poll } from "../../peers/waiting.ts";
import { freePort, LOOPBACKS, runClient, STRANGER, withoutRoot } from "../../unit/forwards/fixtures.ts";
import { logout, mastersOf } from "../master/shared_home.ts";
import { GREETED, inboxScene } from "./inbox.ts";

const TIMEOUT = { timeout: 60_000 };

describeForms("a forward to METHOD imap", { concurrency: 3 }, (form) => {
  test("gives each connection a mailbox of its own, over the one login of the calls", TIMEOUT, async () => {
    await using on = await inboxScene(form);
    const mailbox = await on.scene.open();
    await on.scene.logged(/forward "inbox": carries port \d+ of 127\.0\.0\.1.* to METHOD imap/);
    using one = await on.greeted();
    using other = await on.greeted();
    one.say("a SELECT INBOX\r\nb LOGOUT\r\n");
    const text = await one.ended();
    assert.match(text, /\r\n\* 3 EXISTS\r\n[\s\S]*\r\n\* BYE [^\r\n]*\r\nb OK [^\r\n]*\r\n$/);
    one.end();
    other.say("a NOOP\r\n");
    await other.until(/^a OK /m);
    const status = await on.scene.statusOnce(({ connections }) => connections[0]?.sessions === 2, "two left");
    assert.equal(status.forwards[0]?.to, "METHOD imap");
    assert.equal(status.forwards[0]?.open, 1);
    assert.equal(on.scene.sshd.logins(), 1);
    // The mailbox goes, the forward stays.
    assert.equal(await logout(mailbox), 0);
    using third = await on.greeted();
    third.end();
    await third.ended();
  });

  test("is brought up by --forward, which has tried it, and ends with its time", TIMEOUT, async () => {
    await using on = await inboxScene(form);
    const told = await on.up("--for", "1s");
    assert.match(
      told,
      /^mail\.test: forward "inbox": carries .* to METHOD imap; METHOD imap answers as IMAP: "\* PREAUTH/,
    );
    using one = await on.greeted();
    // Longer than its time: it is used.
    await poll(async () => (await on.scene.status())?.connections[0]?.until === undefined, "its use");
    const stopped = await on.scene.run("--stop");
    assert.equal(stopped.output.toString(), "mail.test: ends after its last use: 1 open mailbox\n");
    one.say("a LOGOUT\r\n");
    await one.ended();
    one.end();
    await poll(async () => (await on.scene.status()) === null, "the end of the master");
    assert.deepEqual(on.scene.imapds(), []);
  });

  for (const [how, leave] of [
    ["goes", (client: ImapClient) => client[Symbol.dispose]()],
    ["ends without a byte", (client: ImapClient) => client.end()],
  ] as const) {
    test(`hangs up on the server when a client ${how} before its greeting`, TIMEOUT, async () => {
      const host = { "commands.imap": "exec sleep 60", "commands.news": "exec cat" };
      await using on = await inboxScene(form, { host });
      await on.scene.start({ method: "news" });
      await on.scene.logged(/forward "inbox": carries /);
      using one = await on.client();
      await on.scene.sshd.logged(/Starting session: (?:[^\n]*\n)*?.*Starting session: /);
      await on.scene.statusOnce(({ connections }) => connections[0]?.sessions === 2, "two sessions");
      leave(one);
      await on.scene.statusOnce(({ connections }) => connections[0]?.sessions === 1, "the end of one");
      assert.equal(one.text, "");
      assert.equal((await on.scene.status())?.forwards[0]?.open, 0);
      // Nothing is wrong with the forward.
      assert.doesNotMatch(on.scene.home.log(), /no connection to METHOD imap/);
    });
  }

  test("passes a client's end on, and leaves a server that does not heed it", TIMEOUT, async () => {
    const deaf = "echo '* PREAUTH deaf'; trap '' HUP; while :; do sleep 0.1; done";
    await using on = await inboxScene(form, { host: { "commands.imap": deaf } });
    await on.up();
    using one = await on.greeted();
    one.end();
    assert.match(await one.ended(), /^\* PREAUTH deaf\r\n$/);
    await on.scene.statusOnce(({ connections }) => connections[0]?.sessions === 0, "no session");
  });

  test("takes the spare mailbox", TIMEOUT, async () => {
    await using on = await inboxScene(form, { host: { spare: 1 } });
    await on.up();
    await on.scene.statusOnce(({ connections }) => connections[0]?.spare === 1, "a spare");
    const [spare] = on.scene.imapds();
    using one = await on.greeted();
    one.say("a NOOP\r\n");
    await one.until(/^a OK /m);
    await on.scene.statusOnce(({ connections }) => connections[0]?.spare === 1, "the next one");
    assert.ok(spare !== undefined && on.scene.imapds().includes(spare));
    assert.equal(on.scene.imapds().length, 2);
  });

  test("goes on to another connection where MaxSessions is reached", TIMEOUT, async () => {
    await using on = await inboxScene(form, { sshd: { config: ["MaxSessions 2"] } });
    await on.up();
    const clients = await Promise.all(Array.from({ length: 5 }, () => on.greeted()));
    for (const client of clients) client.say("a NOOP\r\n");
    await Promise.all(clients.map((client) => client.until(/^a OK /m)));
    assert.ok(on.scene.sshd.logins() <= 4, on.scene.sshd.log());
    for (const client of clients) client[Symbol.dispose]();
  });

  test("serves a Unix socket of mode 0600", TIMEOUT, async () => {
    const folder = makeTemporary();
    const path = join(folder, "inbox");
    await using on = await inboxScene(form, { listen: path });
    await on.up();
    assert.equal(lstatSync(path).mode & 0o777, 0o600);
    using one = await on.greeted();
    one.say("a LOGOUT\r\n");
    assert.match(await one.ended(), /^a OK /m);
    removeTemporary(folder);
  });

  test(
    "serves a Unix socket below the home, where nobody else may write to a directory",
    TIMEOUT,
    async () => {
      await using on = await inboxScene(form, { listen: "~/sockets/inbox" });
      const { home } = on.scene;
      const folder = dirname(home.write("sockets/other", ""));
      await on.up("--for", "1s");
      using one = await imapClient(join(folder, "inbox"));
      await one.until(GREETED);
      const status = await on.scene.status();
      assert.equal(status?.forwards[0]?.listen, join(folder, "inbox"));
      assert.equal((await on.scene.run("--stop", "--now")).status, 0);

      chmodSync(folder, 0o777);
      const { status: refused, stderr } = await on.scene.run("--forward", "mail.test");
      assert.match(
        stderr,
        /cannot listen on socket ".*\/sockets\/inbox": it is below .*\/sockets, which is writable/,
      );
      assert.equal(refused, 69);
    },
  );

  test("lets no other user in, on any loopback", { ...TIMEOUT, skip: withoutRoot }, async () => {
    await using on = await inboxScene(form);
    await on.up();
    const port = Number(on.place);
    for (const address of LOOPBACKS) {
      const own = await runClient({ address, port, say: "a LOGOUT\r\n" });
      assert.match(own, GREETED);
      assert.equal(await runClient({ address, port, say: "a LOGOUT\r\n", uid: STRANGER }), "");
    }
    await on.scene.logged(/forward "inbox": refused a connection: it is uid 12345's/);
  });

  test("tells each connection why there is no mailbox, and goes on when there is", TIMEOUT, async () => {
    await using on = await inboxScene(form, { proxy: true, host: { deadline: "2s", persist: "forever" } });
    await on.up("--for", "forever");
    // A network that is gone.
    on.scene.proxy.freeze();
    for (const _ of [1, 2]) {
      using one = await on.client();
      const text = await one.ended(10_000);
      assert.match(text, /^\* BYE preauth: mail\.test: timed out [^\r\n]* after 2 s[^\r\n]*\r\n$/);
      one.end();
    }
    on.scene.proxy.thaw();
    on.scene.proxy.cut();
    using again = await on.greeted();
    again.say("a NOOP\r\n");
    await again.until(/^a OK /m);
    // A server that is started again.
    for (const pid of on.scene.sshd.sessions()) process.kill(pid, "SIGKILL");
    await again.ended();
    using last = await on.greeted();
    last.say("a NOOP\r\n");
    await last.until(/^a OK /m);
  });

  test("works again by itself when the server's daemon is started anew", TIMEOUT, async () => {
    await using on = await inboxScene(form, { host: { deadline: "3s" } });
    await on.up("--for", "forever");
    using before = await on.greeted();
    const master = await on.scene.master();
    const startAgain = await on.scene.sshd.down();
    await before.ended();
    using during = await on.client();
    assert.match(await during.ended(), /^\* BYE preauth: mail\.test: connection refused [^\r\n]*\r\n$/);
    during.end();
    await startAgain();
    using later = await on.greeted();
    later.say("a NOOP\r\n");
    await later.until(/^a OK /m);
    assert.equal(await on.scene.master(), master);
  });

  test("names its own SERVER where the connection is another one's", TIMEOUT, async () => {
    const [place, refusing] = [await freePort(), await refusingPort()];
    const table = `[[forward]]\nname = "other"\nlisten = ${place}\nmethod = "imap"\nvia = "other.test"\n`;
    await using on = await inboxScene(form, { table });
    const { home } = on.scene;
    const [, host = ""] = /(\[\[host\]\][^[]*)/.exec(readFileSync(home.tableFile, "utf8")) ?? [];
    const other = host.replace("mail.test", "other.test").replace(/^.*commands\.imap.*\n/m, "");
    const port = `commands.imap = { to = "127.0.0.1:${refusing}" }\n`;
    home.writeTable(`${readFileSync(home.tableFile, "utf8")}${other.trimEnd()}\n${port}`);
    await on.up();
    const { status, stderr } = await on.scene.run("--forward", "other.test");
    assert.match(stderr, /^preauth: other\.test: the server cannot connect to /);
    assert.equal(status, 69);
    using one = await imapClient(place);
    assert.match(
      await one.ended(),
      /^\* BYE preauth: other\.test: the server cannot connect to [^\r\n]*\r\n$/,
    );
    assert.equal(on.scene.sshd.logins(), 1);
  });

  test("keeps what a client says before its greeting", TIMEOUT, async () => {
    await using on = await inboxScene(form);
    await on.up();
    using one = await on.client();
    one.say("a SELECT INBOX\r\nb LOGOUT\r\n");
    one.end();
    assert.match(await one.ended(), /^\* PREAUTH [\s\S]*\r\n\* 3 EXISTS\r\n[\s\S]*\r\nb OK /);
  });

  test("that does not share its connection has one for each mailbox", TIMEOUT, async () => {
    await using on = await inboxScene(form, { host: { share: false } });
    const mailbox = await on.scene.open();
    await on.scene.logged(/forward "inbox": carries /);
    using one = await on.greeted();
    one.say("a LOGOUT\r\n");
    assert.match(await one.ended(), /^a OK /m);
    one.end();
    assert.equal(await logout(mailbox), 0);
    assert.equal(on.scene.sshd.logins(), 2);
    await on.scene.sshd.idle();
  });

  test("stands in --explain and --check", TIMEOUT, async () => {
    const table = '[[forward]]\nname = "news"\nlisten = 2119\nmethod = "nntp"\nvia = "mail.test"\n';
    await using on = await inboxScene(form, { table });
    const explained = await on.scene.run("--explain", "mail.test");
    assert.match(explained.output.toString(), /^forward "inbox": would carry port \d+ to METHOD imap$/m);
    const useless = /^forward "news": .* METHOD nntp\n {2}note: the table has no command for METHOD "nntp"$/m;
    assert.match(explained.output.toString(), useless);
    const checked = await on.scene.run("--check", "mail.test");
    assert.match(checked.output.toString(), useless);
    assert.match(checked.output.toString(), /^forward "inbox": would carry port \d+ to METHOD imap$/m);
    assert.equal(checked.status, 0, checked.stderr);
  });

  test("that does not share its connection outlives the loss of any", TIMEOUT, async () => {
    await using smtp = await speakingServer("220 mail.test\r\n");
    const port = await freePort();
    const table = `[[forward]]\nname = "smtp"\nlisten = ${port}\nto = "127.0.0.1:${smtp.port}"\n`;
    await using on = await inboxScene(form, { host: { share: false }, table });
    await on.up("--for", "60s");
    for (const pid of on.scene.sshd.sessions()) process.kill(pid, "SIGKILL");
    await on.scene.statusOnce(({ connections }) => connections.length === 0, "the loss");
    using one = await on.greeted();
    one.say("a NOOP\r\n");
    await one.until(/^a OK /m);
    // One to a place, too.
    using other = await imapClient(port);
    await other.until(/^220 mail\.test\r\n/);
    assert.deepEqual(mastersOf(on.scene.home), []);
    assert.equal((await on.scene.run("--stop", "--now")).status, 0);
    await one.ended();
  });

  test("has its sessions ended by --stop --now", TIMEOUT, async () => {
    await using on = await inboxScene(form);
    await on.up();
    using one = await on.greeted();
    assert.equal((await on.scene.run("--stop", "--now")).status, 0);
    await one.ended();
    await poll(async () => (await on.scene.status()) === null, "the end of the master");
  });
});

describeForms("a forward to METHOD smtp", { concurrency: 2 }, (form) => {
  const host = (command: string) => ({ "commands.smtp": command, "commands.imap": "exec cat" });

  test("has nothing of a shell's noise in front of its greeting", TIMEOUT, async () => {
    const command = "echo motd; printf '220 mail.test\\r\\n'; exec cat";
    await using on = await inboxScene(form, { method: "smtp", host: host(command) });
    assert.match(await on.up(), /METHOD smtp answers as SMTP: "220 mail\.test"/);
    using one = await on.client();
    one.say("EHLO me\r\n");
    one.end();
    assert.equal(await one.ended(), "220 mail.test\r\nEHLO me\r\n");
    assert.match(on.scene.home.log(), /said: motd/);
  });

  test("says with 421 why there is none", TIMEOUT, async () => {
    await using on = await inboxScene(form, { method: "smtp", host: host("echo no sendmail; exit 3") });
    const { status, stderr } = await on.scene.run("--forward", "mail.test");
    assert.match(stderr, /METHOD smtp says "421 preauth: mail\.test: .*no sendmail/);
    assert.equal(status, 69);
  });
});
