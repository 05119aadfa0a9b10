import assert from "node:assert/strict";
import { appendFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { startAgent } from "../../peers/agent.ts";
import { rshPath } from "../../peers/alpine.ts";
import { describeForms } from "../../peers/binaries.ts";
import { runCall } from "../../peers/call.ts";
import { type Home, type HostLines, hostTable, makeHome, tableFor } from "../../peers/home.ts";
import { makeKey } from "../../peers/keys.ts";
import { skipWithoutMailHosts, startMailHost } from "../../peers/mail_host.ts";
import { startSecretServer } from "../../peers/secret_server.ts";
import { startSshd } from "../../peers/sshd.ts";
import { openTerminal } from "../../peers/terminal.ts";
import { check, keysOf, lineOf, tell, type } from "./hinted.ts";
import { mailbox, sshd } from "./own_server.ts";

/*
 * A hint is typed in the state that it is for, and does what it says: lines of the table are written into it, those of
 * the shell are run.
 */

const SKIP = { skip: skipWithoutMailHosts(), timeout: 60_000 };

/** A table whose "work" leads to the sshd, with other keys. */
function write(home: Home, keys: HostLines = {}, more = ""): void {
  home.writeTable(`${tableFor(sshd, { match: "work", "commands.imap": mailbox.command, ...keys })}\n${more}`);
}

describeForms("hints about the table", { concurrency: 2 }, (form) => {
  for (const [title, given] of [
    ["a port in server", () => `127.0.0.1:${sshd.port}`],
    ["a user in server", () => `${sshd.user}@127.0.0.1`],
    ["a user and a port in server", () => `${sshd.user}@127.0.0.1:${sshd.port}`],
    ["a URL in server", () => `ssh://${sshd.user}@127.0.0.1:${sshd.port}`],
    ["a URL with a path in server", () => `ssh://${sshd.user}@127.0.0.1:${sshd.port}/home`],
    ["a URL of mail in server", () => `imaps://${sshd.user}@127.0.0.1:993/INBOX`],
    ["a folder in server", () => "127.0.0.1/INBOX"],
  ] as const) {
    test(`tell ${title} apart`, async () => {
      using home = makeHome();
      const others = given().includes(`:${sshd.port}`) ? { port: undefined } : {};
      const user = given().includes("@") ? undefined : sshd.user;
      write(home, { server: given(), user, ...others });
      const { status, hints } = await check(form, home);
      assert.notEqual(status, 0);
      write(home, { user, ...others, ...keysOf(hints) });
      assert.equal((await check(form, home)).status, 0, hints.join("\n"));
    });
  }

  for (const had of [undefined, "exec /usr/lib/nowhere/sendmail -t"]) {
    const title =
      had === undefined ? "the command that is missing" : "another command for one that is not there";
    test(`name ${title}`, SKIP, async () => {
      await using host = await startMailHost("bookworm");
      using home = makeHome();
      const keys = tableFor(host.sshd, { match: "work", "commands.sendmail": had });
      home.writeTable(keys);
      const words = ["--check", "work", host.sshd.user, "sendmail"];
      const { hints, status } = await tell(form, home, words);
      assert.equal(status, had === undefined ? 69 : 127);
      const told = keysOf(hints);
      assert.deepEqual(told, { "commands.sendmail": "exec /usr/sbin/sendmail -t -oi" });
      home.writeTable(tableFor(host.sshd, { match: "work", ...told }));
      // A real sendmail is there, which waits for a message.
      assert.equal((await tell(form, home, words)).status, 0);
    });
  }

  for (const verb of ["--check", "--explain", "--forward", "--authorize"]) {
    test(`show what is in the table, and add a server that is not, for ${verb}`, async () => {
      using home = makeHome();
      write(home);
      const { status, hints } = await tell(form, home, [verb, "play.test"]);
      assert.equal(status, 1);
      assert.match(type(form, home, lineOf(hints, /^see what it has/)).stdout, /^work +/m);
      const printed = type(form, home, lineOf(hints, /^add this one/)).stdout;
      const added = [...printed.matchAll(/^\+(?!\+)(.*)$/gm)].map(([, line = ""]) => line);
      write(home, {}, added.join("\n"));
      assert.doesNotMatch((await tell(form, home, ["--explain", "play.test"])).stderr, /not in the table/);
    });
  }

  test("make a mailbox that can only be read, or not be opened, one that can be written", SKIP, async () => {
    await using host = await startMailHost("bookworm", { spool: 2 });
    for (const [line, wanted] of [
      ["exec /usr/lib/dovecot/imap", 78],
      ["exec /usr/lib/dovecot/imap -o mail_location=mbox:~/mail:INBOX=/nowhere/inbox", 69],
    ] as const) {
      using home = makeHome();
      const write = (keys: HostLines) => home.writeTable(tableFor(host.sshd, { match: "work", ...keys }));
      write({ "commands.imap": line });
      const { status, hints, text } = await check(form, home);
      assert.equal(status, wanted, text);
      write({ "commands.imap": line, ...keysOf(hints) });
      const mended = await check(form, home);
      assert.match(mended.text, /OK \[READ-WRITE\].*\(2 messages\)/);
      assert.equal(mended.status, 0);
    }
  });

  test("lead to --init where there is no table", async () => {
    using home = makeHome();
    const { status, hints } = await check(form, home);
    assert.equal(status, 78);
    const printed = type(form, home, `${lineOf(hints, /^make one/)} work`);
    assert.match(printed.stdout, /^\+match = "work"$/m);
  });

  test("close a table that others can write", async () => {
    using home = makeHome();
    write(home);
    type(form, home, `chmod 666 ${home.tableFile}`);
    const { status, hints } = await check(form, home);
    assert.equal(status, 78);
    assert.equal(type(form, home, hints[0] ?? "").status, 0);
    assert.equal((await check(form, home)).status, 0);
  });
});

describeForms("hints about the way", { concurrency: 2 }, (form) => {
  test("ask for a name that is not found", async () => {
    using home = makeHome();
    write(home, { server: "no.such.host.invalid" });
    const { hints } = await check(form, home);
    // getent(1): 2 for a name that is not found.
    assert.equal(type(form, home, lineOf(hints, /^look it up/)).status, 2);
  });

  test("show what a server offers, which is found by its destination and not by SERVER", async () => {
    await using odd = await startSshd({ config: ["Ciphers aes128-cbc"] });
    using home = makeHome();
    home.writeTable(tableFor(odd, { match: "work" }));
    const { hints } = await check(form, home);
    const line = lineOf(hints, /^see what it offers/);
    assert.match(type(form, home, line).stderr, /peer server KEXINIT proposal[\s\S]*aes128-cbc/);
  });

  test("allow what ssh_config does not", async () => {
    using home = makeHome();
    const ssh_config = home.write("ssh_config", "Host *\n  Ciphers aes128-cbc\n");
    write(home, { ssh_config });
    const { hints, status } = await check(form, home);
    assert.equal(status, 78);
    lineOf(hints, /^doc\/ssh\.md lists/);
    home.write("ssh_config", `Host *\n  ${lineOf(hints, /^allow one/)}\n`);
    assert.equal((await check(form, home)).status, 0);
  });
});

describeForms("hints about host keys", { concurrency: 2 }, (form) => {
  test("accept one, also where known_hosts has no directory yet", async () => {
    using home = makeHome();
    const known_hosts = `${home.path}/not yet/known_hosts`;
    write(home, { known_hosts });
    const { hints, status } = await check(form, home);
    assert.equal(status, 77);
    assert.equal(type(form, home, lineOf(hints, /^if it is the same/)).status, 0);
    assert.equal((await check(form, home)).status, 0);
  });

  test("forget one that has changed", async () => {
    using home = makeHome();
    write(home, { known_hosts: sshd.knownHostsFile("wrong") });
    const { hints } = await check(form, home);
    assert.equal(type(form, home, lineOf(hints, /^if the server was reinstalled/)).status, 0);
    assert.match((await check(form, home)).stderr, /host key unknown/);
  });

  test("name the jump host whose key is not known, and lead to it", async () => {
    await using jump = await startSshd();
    using home = makeHome();
    const known = `${home.path}/known`;
    const ssh_config = home.write(
      "ssh_config",
      [
        `Host bastion\n  HostName ${jump.host}\n  Port ${jump.port}\n  IdentityFile ${jump.identity}`,
        `  UserKnownHostsFile ${known}\n  GlobalKnownHostsFile none\nHost ${sshd.host}\n  ProxyJump bastion\n`,
      ].join("\n"),
    );
    write(home, { ssh_config });
    const { hints, stderr } = await check(form, home);
    assert.match(stderr, /the ProxyCommand ended with .*host key is known/);
    const line = lineOf(hints, /^log in to that host once by hand/);
    assert.match(line, / bastion$/);
    await using terminal = await openTerminal(["/bin/sh", "-c", line], { env: home.env });
    await terminal.waitFor(/continue connecting/, "ssh's question");
    terminal.type("yes");
    terminal.keys("Enter");
    await terminal.waitFor(/added/, "the key in known_hosts");
    assert.equal((await check(form, home)).status, 0);
  });
});

describeForms("hints about the login", { concurrency: 2 }, (form) => {
  test("have a key let in", async () => {
    await using other = await startSshd();
    using home = makeHome();
    const stranger = makeKey(join(home.path, "stranger"));
    home.writeTable(
      tableFor(other, { match: "work", identity: stranger.path, "commands.imap": mailbox.command }),
    );
    const { hints, status } = await check(form, home);
    assert.equal(status, 77);
    appendFileSync(join(other.home, "../authorized_keys"), `${lineOf(hints, /authorized_keys on /)}\n`);
    assert.equal((await check(form, home)).status, 0);
  });

  test("open a key with a passphrase, by an agent", async () => {
    await using other = await startSshd();
    using home = makeHome();
    const locked = makeKey(join(home.path, "locked"), "ed25519", "secret");
    appendFileSync(join(other.home, "../authorized_keys"), `${locked.line}\n`);
    home.writeTable(
      tableFor(other, { match: "work", identity: locked.path, "commands.imap": mailbox.command }),
    );
    const { hints } = await check(form, home);
    const asking = home.write("asking", "#!/bin/sh\necho secret\n", 0o700);
    const lines = [
      lineOf(hints, /^start an agent/),
      lineOf(hints, /^add the key to an agent/),
      "preauth --check work",
    ];
    const env = { SSH_ASKPASS: asking, SSH_ASKPASS_REQUIRE: "force" };
    const { status, stdout } = type(
      form,
      home,
      `${lines.join("\n")}; s=$?; ssh-agent -k >/dev/null; exit $s`,
      env,
    );
    assert.match(stdout, /^authentication .* from the agent/m);
    assert.equal(status, 0);
  });

  test("lead to --login where a key has a passphrase and there is no agent: the next call opens", async () => {
    await using other = await startSshd();
    using home = makeHome();
    const locked = makeKey(join(home.path, "locked"), "ed25519", "secret");
    appendFileSync(join(other.home, "../authorized_keys"), `${locked.line}\n`);
    const keys = { match: "work", identity: locked.path, "commands.imap": mailbox.command };
    home.writeTable(tableFor(other, keys));
    const { hints } = await check(form, home);
    assert.equal(keysOf(hints).share, true, "tableFor() has share = false");
    home.writeTable(tableFor(other, { ...keys, share: true }));
    rshPath(home, form.argv);
    const line = lineOf(hints, /^log in on a terminal/);
    const env = { ...home.env, PATH: `${home.path}:${home.env.PATH}` };
    await using terminal = await openTerminal(["/bin/sh", "-c", line], { env });
    await terminal.waitFor(/passphrase/i, "the question");
    terminal.type("secret");
    terminal.keys("Enter");
    assert.equal(await terminal.ended(), 0, terminal.screen());
    const call = [...form.argv, "work", other.user, "imap"];
    const { output } = await runCall(call, { env: home.env, input: "a1 LOGOUT\r\n" });
    assert.match(output.toString(), /^\* PREAUTH /);
  });

  test("lead to --login, and to nothing else, where the server takes passwords only", async () => {
    await using server = await startSecretServer({ password: "swordfish" });
    using home = makeHome();
    const { host, port, user, identity, knownHosts } = server;
    const keys = { server: host, port, user, identity, known_hosts: knownHosts, ssh_config: "none" };
    home.writeTable(hostTable({ match: "work", ...keys }));
    const { hints } = await check(form, home);
    assert.equal(hints.length, 2, hints.join("\n"));
    rshPath(home, form.argv);
    const env = { ...home.env, PATH: `${home.path}:${home.env.PATH}` };
    const line = lineOf(hints, /preauth --login work$/);
    await using terminal = await openTerminal(["/bin/sh", "-c", line], { env });
    await terminal.waitFor(/password:/, "the question");
    terminal.type("swordfish");
    terminal.keys("Enter");
    await terminal.waitFor(/logged in to work/, "the login");
  });

  test("lead to a new agent, and to --login, where the agent is gone", async () => {
    using home = makeHome();
    write(home, { identity: undefined, ssh_config: home.write("ssh_config", "IdentityFile none\n") });
    const agent = await startAgent();
    await agent[Symbol.asyncDispose]();
    const { hints, stderr } = await check(form, home, { SSH_AUTH_SOCK: agent.socket });
    assert.match(stderr, /the agent is gone/);
    lineOf(hints, /preauth --login work$/);
    const line = lineOf(hints, /^start an agent/).replace("ssh-add", `ssh-add ${sshd.identity}`);
    const ending = "s=$?; ssh-agent -k >/dev/null; exit $s";
    assert.equal(type(form, home, `${line} && preauth --check work; ${ending}`).status, 0);
  });

  test("make a key where there is none", async () => {
    using home = makeHome();
    const file = join(home.path, "new key");
    const ssh_config = home.write("ssh_config", `IdentityFile "${file}"\n`);
    write(home, { identity: undefined, ssh_config });
    const { hints } = await check(form, home);
    const line = lineOf(hints, /^make a key/);
    assert.equal(type(form, home, `${line} -q -N '' -f '${file}'`).status, 0);
    assert.match((await check(form, home)).stderr, /not let in \(tried ssh-ed25519/);
    rmSync(file);
  });

  test("show which file of ssh_config turns keys off", async () => {
    using home = makeHome();
    const ssh_config = home.write("ssh_config", "PubkeyAuthentication no\n");
    write(home, { ssh_config });
    const { hints } = await check(form, home);
    lineOf(hints, /preauth --login work$/);
    const { stdout, stderr } = type(form, home, lineOf(hints, /^find the file that sets/));
    assert.match(stdout, /^pubkeyauthentication (no|false)$/m);
    assert.equal(stderr.includes(ssh_config), true);
  });
});
