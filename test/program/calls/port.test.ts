import assert from "node:assert/strict";
import { chmodSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { describeForms, type Form } from "../../peers/binaries.ts";
import { type Call, type CallOptions, runCall, startCall } from "../../peers/call.ts";
import { makeMailbox } from "../../peers/dovecot.ts";
import { type HostLines, makeHome, tableFor } from "../../peers/home.ts";
import { PASSWORD, startLoginServer } from "../../peers/login_server.ts";
import { type Sshd, type SshdOptions, startSshd } from "../../peers/sshd.ts";
import {
  closingServer,
  type Listener,
  listen,
  refusingPort,
  silentServer,
  speakingServer,
} from "../../peers/tcp.ts";
import { freePort, withoutRoot } from "../../unit/forwards/fixtures.ts";
import { startScene } from "../master/shared_home.ts";
import { converse } from "./client.ts";

/** A key that may forward and nothing else, for an account without a shell. */
const NO_SHELL: SshdOptions = { keyOptions: "restrict,port-forwarding" };

/** Says back all that it hears, and ends when its client does. */
const echo = (greeting = ""): Promise<Listener> =>
  listen((socket) => {
    socket.write(greeting);
    socket.pipe(socket);
  });

/** A [[host]] whose METHOD is a port; the port's inline table is not to be had by JSON. */
function portTable(sshd: Sshd, method: string, port: string, keys: HostLines = {}): string {
  return `${tableFor(sshd, keys)}commands.${method} = ${port}\n`;
}

/** A server and a home whose table leads METHOD to a port there. */
async function scene(form: Form, method: string, port: string, options: SshdOptions = NO_SHELL) {
  const sshd = await startSshd(options);
  const home = makeHome();
  home.writeTable(portTable(sshd, method, port));
  const argv = [...form.argv, "mail.test", sshd.user, method];
  return {
    sshd,
    home,
    argv,
    run: (call: Partial<CallOptions> & { readonly input?: string } = {}) =>
      runCall(argv, { env: home.env, ...call }),
    start: (call: Partial<CallOptions> = {}): Promise<Call> => startCall(argv, { env: home.env, ...call }),
    [Symbol.asyncDispose]: async () => {
      await sshd.stop();
      home[Symbol.dispose]();
    },
  };
}

const to = ({ port }: { readonly port: number }): string => `{ to = "127.0.0.1:${port}" }`;
const loginAt = ({ port }: { readonly port: number }): string =>
  `{ to = "127.0.0.1:${port}", login = "client" }`;

describeForms("a METHOD that is a port", { concurrency: 3 }, (form) => {
  test("carries bytes both ways as they are, each end passed on, with nothing run on the server", async () => {
    await using target = await echo();
    await using on = await scene(form, "imaps", to(target));
    const input = `\x16\x03\x01 no greeting is waited for\r\n${"x".repeat(200_000)}`;
    const { status, output } = await on.run({ input });
    assert.deepEqual([status, output.toString("latin1")], [0, input]);
    // Where a login has worked before, the session that would go along with it must not either.
    assert.equal((await on.run({ input: "again" })).output.toString(), "again");
    assert.equal(target.connections, 2);
    assert.doesNotMatch(on.sshd.log(), /Starting session/);
  });

  test("works for an account whose shell is nologin", { skip: withoutRoot }, async () => {
    await using target = await echo();
    await using on = await scene(form, "news", to(target));
    const folder = dirname(on.sshd.identity);
    // sshd reads the file as the user.
    chmodSync(folder, 0o755);
    chmodSync(join(folder, "authorized_keys"), 0o644);
    on.home.writeTable(portTable(on.sshd, "news", to(target), { user: "nobody" }));
    const { status, output } = await on.run({ input: "GROUP alt.test\r\n" });
    assert.deepEqual([status, output.toString()], [0, "GROUP alt.test\r\n"]);
    assert.match(on.sshd.log(), /^Accepted publickey for nobody /m);
  });

  test("delivers what the server says before its end, though the client has not ended", async () => {
    const said = `220 ready\r\n${"x".repeat(300_000)}`;
    await using target = await listen((socket) => void socket.end(said));
    await using on = await scene(form, "smtp", to(target));
    await using call = await on.start();
    const { status, output } = await call.finished();
    assert.deepEqual([status, output.toString()], [0, said]);
  });

  test("is given up when the client goes, before the server has said a word", async () => {
    await using target = await silentServer();
    await using on = await scene(form, "imap", to(target));
    await using call = await on.start();
    await target.connected();
    call.hangUp();
    await call.exited(2_000);
    await target.idle(2_000);
    await on.sshd.idle();
  });

  test("where nobody listens, or to which nothing may be forwarded, is a failure that says so", async () => {
    const port = await refusingPort();
    await using closed = await scene(form, "imap", `{ to = "127.0.0.1:${port}" }`);
    const refused = await closed.run({ stdio: "pipes", input: "a NOOP\r\n" });
    assert.match(
      refused.stderr,
      new RegExp(`^preauth: mail\\.test: the server cannot connect to 127\\.0\\.0\\.1:${port}: "`),
    );
    assert.equal(refused.status, 69);

    await using target = await silentServer();
    await using on = await scene(form, "imap", to(target), { config: ["AllowTcpForwarding no"] });
    const { status, stderr } = await on.run({ stdio: "pipes", input: "a NOOP\r\n" });
    assert.match(stderr, /^preauth: mail\.test: the server does not allow forwarding: "/);
    assert.equal(status, 69);
    assert.match(on.home.log(), /hint: .*AllowTcpForwarding/);
    assert.equal(target.connections, 0);
  });

  test("that closes without a greeting is told as what it is", async () => {
    await using target = await closingServer();
    await using on = await scene(form, "imap", to(target));
    const { status, output } = await converse(on.argv, { env: on.home.env });
    assert.match(
      output.toString(),
      new RegExp(`^\\* BYE preauth: mail\\.test: 127\\.0\\.0\\.1:${target.port} .* before any greeting`, "m"),
    );
    assert.equal(status, 69);
  });

  for (const share of [false, true]) {
    test(`for METHOD smtp that closes without a greeting is told so (share = ${share})`, async () => {
      await using target = await closingServer();
      await using on = await scene(form, "smtp", to(target));
      on.home.writeTable(portTable(on.sshd, "smtp", to(target), { share }));
      const { status, stderr } = await on.run({ stdio: "pipes", input: "EHLO me\r\n" });
      const place = `127.0.0.1:${target.port}`;
      assert.equal(stderr, `preauth: mail.test: ${place} closed the connection before any greeting\n`);
      assert.equal(status, 69);
      assert.match(on.home.log(), /hint: commands\.smtp must lead to an SMTP server without TLS/);
    });
  }

  test("for METHOD imap has to be preauthenticated", async () => {
    await using preauth = await echo("* PREAUTH [CAPABILITY IMAP4rev1] here\r\n");
    await using on = await scene(form, "imap", to(preauth));
    const { status, output } = await on.run({ input: "a NOOP\r\n" });
    assert.equal(output.toString(), "* PREAUTH [CAPABILITY IMAP4rev1] here\r\na NOOP\r\n");
    assert.equal(status, 0);

    await using ok = await echo("* OK [CAPABILITY IMAP4rev1] log in\r\n");
    on.home.writeTable(portTable(on.sshd, "imap", to(ok)));
    const refused = await on.run({ stdio: "pipes", input: "a NOOP\r\n" });
    assert.match(refused.stderr, /^preauth: mail\.test: .*not preauthenticated: "OK /);
    assert.equal(refused.status, 69);
    assert.match(on.home.log(), /hint: .*login = "client"/);
  });

  for (const stdio of ["socketpair", "pipes", "devnull"] as const) {
    test(`passes OK on to a client that logs in, at once (${stdio})`, async () => {
      await using ok = await echo("* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] log in\r\n");
      await using on = await scene(form, "imap", loginAt(ok));
      await using call = await on.start({ stdio });
      await call.readUntil(/^\* OK \[CAPABILITY IMAP4rev1 AUTH=PLAIN\] log in\r\n/);
      call.write("a LOGIN jane secret\r\n");
      await call.readUntil(/^a LOGIN jane secret\r\n/m);
      call.end();
      assert.equal((await call.finished()).status, 0);
    });
  }

  test("tells Alpine, which would not log in, that it cannot have it", async () => {
    await using ok = await echo("* OK log in\r\n");
    await using on = await scene(form, "imap", loginAt(ok));
    const { status, output } = await converse(on.argv, { env: on.home.env });
    assert.match(
      output.toString(),
      /^\* PREAUTH [^\r\n]*\r\n\* BYE preauth: mail\.test: the IMAP server wants a login/,
    );
    assert.equal(status, 69);

    await using preauth = await echo("* PREAUTH here\r\n");
    on.home.writeTable(portTable(on.sshd, "imap", loginAt(preauth)));
    assert.equal((await on.run({ input: "a NOOP\r\n" })).output.toString(), "* PREAUTH here\r\na NOOP\r\n");
  });

  for (const text of ["BYE too many connections", "NO go away"]) {
    test(`that answers "${text}" is refused, also where the client logs in`, async () => {
      await using target = await speakingServer(`* ${text}\r\n`);
      await using on = await scene(form, "imap", loginAt(target));
      const { status, stderr } = await on.run({ stdio: "pipes", input: "a NOOP\r\n" });
      assert.equal(stderr, `preauth: mail.test: the IMAP server refused: "${text}"\n`);
      assert.equal(status, 69);
    });
  }

  test("shares the connection of other calls, past MaxSessions, and is a session in --status", async () => {
    await using target = await echo();
    await using on = await startScene(form, {
      sshd: { config: ["MaxSessions 1"] },
    });
    on.home.writeTable(
      portTable(on.sshd, "news", to(target), {
        share: true,
        "commands.imap": "echo '* PREAUTH x'; exec cat",
      }),
    );
    const mailbox = await on.open();
    const news = await Promise.all([on.start({ method: "news" }), on.start({ method: "news" })]);
    for (const call of news) {
      call.write("200 hello\r\n");
      await call.readUntil(/^200 hello\r\n/);
    }
    const status = await on.statusOnce(({ connections }) => connections[0]?.sessions === 3, "three sessions");
    assert.equal(status.connections.length, 1);
    for (const call of [...news, mailbox]) {
      call.end();
      assert.equal((await call.finished()).status, 0);
    }
    await target.idle();
    assert.equal(on.sshd.logins(), 1);
  });

  test("through the master passes OK on, and is not kept as a spare", async () => {
    await using ok = await echo("* OK log in\r\n");
    await using on = await startScene(form);
    on.home.writeTable(portTable(on.sshd, "imap", loginAt(ok), { share: true, spare: 1 }));
    for (const times of [1, 2]) {
      const call = await on.start({ stdio: "socketpair" });
      await call.readUntil(/^\* OK log in\r\n/);
      call.end();
      assert.equal((await call.finished()).status, 0);
      assert.equal(ok.connections, times);
    }
    const alpine = await on.start();
    await alpine.readUntil(/^\* PREAUTH /);
    alpine.write("a NOOP\r\n");
    await alpine.readUntil(/a NO preauth: mail\.test: the IMAP server wants a login/);
    assert.equal(on.sshd.logins(), 1);
  });

  test("ends with 255 when the connection is lost", async () => {
    await using target = await echo();
    await using on = await scene(form, "news", to(target));
    await using call = await on.start({ stdio: "pipes" });
    call.write("hello");
    await call.readUntil(/hello/);
    for (const pid of on.sshd.sessions()) process.kill(pid, "SIGKILL");
    const { status, stderr } = await call.finished();
    assert.match(stderr, /^preauth: mail\.test: connection lost/);
    assert.equal(status, 255);
  });

  test("is told by --explain and --check", async () => {
    await using ok = await echo("* OK log in\r\n");
    await using on = await scene(form, "imap", loginAt(ok));
    const ask = (verb: string, method: string) =>
      runCall([...form.argv, verb, "mail.test", on.sshd.user, method], { env: on.home.env, stdio: "pipes" });
    const explained = (await ask("--explain", "imap")).output.toString();
    assert.match(
      explained,
      new RegExp(`^command +port 127\\.0\\.0\\.1:${ok.port} .*the client logs in +hosts\\.toml:\\d+:1$`, "m"),
    );
    const checked = await ask("--check", "imap");
    assert.match(checked.output.toString(), new RegExp(`^command .* port 127\\.0\\.0\\.1:${ok.port}$`, "m"));
    assert.match(checked.output.toString(), /^greeting .*\* OK log in$/m);
    assert.match(checked.output.toString(), /^SELECT INBOX .* not tried: the mail program logs in/m);
    // INBOX was not opened.
    assert.equal(checked.status, 69);

    on.home.writeTable(portTable(on.sshd, "imaps", `{ to = "mail.test:993" }`));
    const far = (await ask("--explain", "imaps")).output.toString();
    assert.match(far, /^command +port mail\.test:993 as seen from the server /m);
    assert.doesNotMatch(far, /^note:/m);
    on.home.writeTable(portTable(on.sshd, "imaps", `{ to = "elsewhere:993" }`));
    const farther = (await ask("--explain", "imaps")).output.toString();
    assert.match(farther, /^note: SSH does not protect the way from mail\.test to elsewhere:993$/m);
  });

  test("leads to a Dovecot that wants a login", async () => {
    using mailbox = makeMailbox();
    await using server = await startLoginServer("imap", mailbox, await freePort());
    await using on = await scene(form, "imap", loginAt(server));
    await using call = await on.start({ stdio: "socketpair" });
    await call.readUntil(/^\* OK \[CAPABILITY .*\r\n/);
    call.write(`a LOGIN jane ${PASSWORD}\r\nb SELECT INBOX\r\nc LOGOUT\r\n`);
    const { status, output } = await call.finished();
    assert.match(output.toString(), /\r\n\* 3 EXISTS\r\n[\s\S]*\r\nc OK /);
    assert.equal(status, 0);
    assert.equal(server.logins(), 1);
  });
});
