import assert from "node:assert/strict";
import { once } from "node:events";
import { chmodSync, existsSync, lstatSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { describeForms, type Form } from "../../peers/binaries.ts";
import { type Call, startCall } from "../../peers/call.ts";
import { type Mailbox, makeMailbox } from "../../peers/dovecot.ts";
import type { Home } from "../../peers/home.ts";
import { signal } from "../../peers/processes.ts";
import { type Sshd, startSshd } from "../../peers/sshd.ts";
import { type Listener, listen, speakingServer } from "../../peers/tcp.ts";
import { poll } from "../../peers/waiting.ts";
import {
  LOOPBACKS,
  runClient,
  STRANGER,
  startListener,
  withoutRoot,
  withoutSix,
} from "../../unit/forwards/fixtures.ts";
import { echo, received } from "../../unit/forwards/stage.ts";
import { connected, sceneFor } from "./one_forward.ts";

let sshd: Sshd;
let mailbox: Mailbox;
before(async () => {
  sshd = await startSshd();
  mailbox = makeMailbox();
});
after(async () => {
  await sshd.stop();
  mailbox[Symbol.dispose]();
});

const logged = (home: Home, pattern: RegExp): Promise<unknown> =>
  poll(() => pattern.test(home.log()), `${pattern} in the log`, home.log);

/** A mailbox with a forward to a target, which is up. */
async function mailboxTo({ host, port: to }: Listener, form: Form) {
  const { home, port } = await sceneFor(sshd, `${host}:${to}`, "", { "commands.imap": mailbox.command });
  const call = await open(form, home);
  await logged(home, /forward "smtp": carries /);
  return {
    home,
    port,
    call,
    [Symbol.asyncDispose]: async () => {
      await call[Symbol.asyncDispose]();
      home[Symbol.dispose]();
    },
  };
}

async function open(form: Form, home: Home, env = home.env): Promise<Call> {
  const call = await startCall([...form.argv, "work", sshd.user, "imap"], { env });
  await call.readUntil(/^\* PREAUTH .*\r\n/);
  return call;
}

describeForms("connections to a forward beside a mailbox", { concurrency: 2 }, (form) => {
  test("are carried from every loopback address, both ways, to the end of each", async () => {
    await using target = await echo();
    await using place = await mailboxTo(target, form);
    const { port } = place;
    for (const address of LOOPBACKS) {
      const say = `${address} ${"x".repeat(50_000)}`;
      // It answers when the client has ended its output.
      assert.equal(await runClient({ address, port, say }), say);
    }
    await target.idle();
  });

  test("are refused from another user, at every loopback address", { skip: withoutRoot }, async () => {
    await using target = await echo();
    await using place = await mailboxTo(target, form);
    const { home, port } = place;
    for (const address of LOOPBACKS) {
      assert.doesNotMatch(await runClient({ address, port, say: "in", uid: STRANGER }), /in/);
    }
    await logged(home, /forward "smtp": refused a connection: it is uid 12345's\n/);
    assert.equal(await runClient({ address: "127.0.0.1", port, say: "own" }), "own");
    assert.equal(target.connections, 1);
  });

  test("are refused when their client has gone before it was looked at", async () => {
    await using target = await echo();
    await using place = await mailboxTo(target, form);
    const { home, port, call } = place;
    signal(call.pid, "SIGSTOP");
    await runClient({ address: "127.0.0.1", port, say: "gone", isHasty: true });
    signal(call.pid, "SIGCONT");
    await logged(home, /forward "smtp": refused a connection: .*: its process has closed it\n/);
    assert.equal(await runClient({ address: "127.0.0.1", port, say: "own" }), "own");
    assert.equal(target.connections, 1);
  });

  test("end on the other side when one side resets them, and the next one is carried", async () => {
    await using target = await speakingServer("220 mail\r\n");
    await using place = await mailboxTo(target, form);
    for (let i = 0; i < 20; i++) {
      const client = await connected(place.port);
      await once(client, "data");
      client.resetAndDestroy();
    }
    await target.idle();
    assert.equal(await runClient({ address: "127.0.0.1", port: place.port }), "220 mail\r\n");

    await using rude = await listen((socket) => {
      socket.once("data", () => socket.resetAndDestroy());
    });
    await using other = await mailboxTo(rude, form);
    for (let i = 0; i < 20; i++) {
      const client = await connected(other.port);
      client.write("x");
      await received(client);
    }
    await rude.idle();
    assert.equal(rude.connections, 20);
    other.call.write("z LOGOUT\r\n");
    await other.call.readUntil(/^z OK .*\r\n/m);
    other.call.end();
    // Nothing of the twenty is waited for.
    assert.equal((await other.call.finished()).status, 0);
    assert.doesNotMatch(other.home.log(), /waiting for/);
  });
});

describeForms("a forward beside a mailbox", { concurrency: 2 }, (form) => {
  test("may be a Unix socket, which is nobody else's and goes with the mailbox", async () => {
    await using target = await echo();
    const { home } = await sceneFor(sshd, "unused:1", "", { "commands.imap": mailbox.command });
    using _ = home;
    // Others may come as far as the socket.
    const path = join(home.path, "smtp.sock");
    if (withoutRoot === false) chmodSync(dirname(path), 0o711);
    const table = readFileSync(home.tableFile, "utf8").replace(/\[\[forward\]\][\s\S]*/, "");
    home.writeTable(
      `${table}[[forward]]\nname = "smtp"\nlisten = "${path}"\nto = "${target.host}:${target.port}"\n`,
    );
    await using call = await open(form, home);
    await logged(home, /forward "smtp": carries socket /);
    assert.equal((lstatSync(path).mode & 0o777).toString(8), "600");
    assert.equal(await runClient({ address: path, say: "unix" }), "unix");
    if (withoutRoot === false) {
      assert.match(await runClient({ address: path, say: "unix", uid: STRANGER }), /^connect: 13/);
    }
    call.end();
    await call.finished();
    assert.equal(existsSync(path), false);
  });

  test("whose port another user has is left alone, and the mailbox opens", {
    skip: withoutRoot,
  }, async () => {
    await using other = await startListener({ uid: STRANGER });
    const { home } = await sceneFor(sshd, "mail:25", "", { "commands.imap": mailbox.command }, other.port);
    using _ = home;
    await using call = await open(form, home);
    const who = `uid 12345: perl \\(pid ${other.pid}\\), another user, who could read your mail`;
    await logged(home, new RegExp(`forward "smtp": port ${other.port} is in use by ${who}\n`));
    await logged(home, /forward "smtp": hint: choose another place, in the table and in the mail client\n/);
    call.write("a NOOP\r\n");
    await call.readUntil(/^a OK .*\r\n/m);
  });

  test("holds 127.0.0.1 alone where ::1 is taken, and says so", { skip: withoutSix }, async () => {
    await using target = await echo();
    await using other = await startListener({ host: "::1" });
    const to = `${target.host}:${target.port}`;
    const { home } = await sceneFor(sshd, to, "", { "commands.imap": mailbox.command }, other.port);
    using _ = home;
    await using call = await open(form, home);
    await logged(
      home,
      new RegExp(`carries port ${other.port} of 127.0.0.1 only to ${to}: ::1 is in use by perl `),
    );
    assert.equal(await runClient({ address: "127.0.0.1", port: other.port, say: "four" }), "four");
    call.end();
    await call.finished();
  });

  test("is brought up after the mailbox has opened, however long that takes", async () => {
    await using target = await echo();
    const { home } = await sceneFor(sshd, `${target.host}:${target.port}`, 'unless.domain = "home.net"', {
      "commands.imap": mailbox.command,
    });
    using _ = home;
    home.write("bin/hostname", "#!/bin/sh\nexec sleep 1000\n", 0o755);
    const env = { ...home.env, PATH: `${home.path}/bin:${home.env.PATH}` };
    await using call = await open(form, home, env);
    call.write("a NOOP\r\n");
    await call.readUntil(/^a OK .*\r\n/m);
    await logged(home, /forward "smtp": carries [\s\S]*/);
    assert.match(home.log(), /imap: open after [\s\S]*forward "smtp": carries /);
  });
});
