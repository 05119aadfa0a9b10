import assert from "node:assert/strict";
import { test } from "node:test";
import { describeForms } from "../../peers/binaries.ts";
import { runCall } from "../../peers/call.ts";
import { type Home, type HostLines, makeHome, tableFor } from "../../peers/home.ts";
import { startLoginServer } from "../../peers/login_server.ts";
import { type Sshd, startSshd } from "../../peers/sshd.ts";
import { freePort } from "../../unit/forwards/fixtures.ts";
import { check, keysOf, lineOf, tell } from "./hinted.ts";
import { mailbox, sshd } from "./own_server.ts";

/* The hints about the way to a server, and about METHODs that are ports: each is followed in the state that it is for. */

function write(home: Home, keys: HostLines = {}, to: Sshd = sshd): void {
  home.writeTable(tableFor(to, { match: "work", "commands.imap": mailbox.command, ...keys }));
}

describeForms("hints about the way to a server", { concurrency: 3 }, (form) => {
  test("have sshd looked for where its port refuses, and it opens when it runs", async () => {
    await using other = await startSshd();
    using home = makeHome();
    write(home, {}, other);
    const start = await other.down();
    const { status, hints } = await check(form, home);
    assert.equal(status, 69);
    assert.deepEqual(hints, [
      "see whether sshd runs on the server and on this port, and whether this machine is online",
    ]);
    await start();
    assert.equal((await check(form, home)).status, 0);
  });

  test("tell a port in HostName apart", async () => {
    using home = makeHome();
    const written = (lines: string) => home.write("ssh_config", `Host alias\n${lines}`);
    const keys = { server: "alias", port: undefined };
    const ssh_config = written(`  HostName 127.0.0.1:${sshd.port}\n`);
    write(home, { ...keys, ssh_config });
    const { status, hints } = await check(form, home);
    assert.equal(status, 69);
    written(`  ${lineOf(hints, /^write the port separately/)}\n  ${lineOf(hints, /^and: Port/)}\n`);
    assert.equal((await check(form, home)).status, 0);
  });

  test("have what is not supported left out, or another ssh_config given", async () => {
    using home = makeHome();
    const ssh_config = home.write(
      "ssh_config",
      "Tunnel ethernet\nProxyUseFdpass yes\nProxyCommand nc %h %p\n",
    );
    write(home, { ssh_config });
    const { status, stderr, hints } = await check(form, home);
    assert.equal(status, 78, stderr);
    const [, keyword = ""] =
      /^leave (\S+) out for this host, or give it its own ssh_config/m.exec(hints.join("\n")) ?? [];
    assert.equal(keyword.toLowerCase(), "proxyusefdpass");
    write(home, { ssh_config: home.write("own_config", "Host *\n") });
    assert.equal((await check(form, home)).status, 0);
  });

  test("name the user whom ssh_config has, and Alpine does not give", async () => {
    using home = makeHome();
    const ssh_config = home.write("ssh_config", "User somebody-else\n");
    write(home, { user: undefined, ssh_config });
    const { text } = await check(form, home);
    const lines = text.split("\n").filter((line) => line.startsWith("  to log in as somebody-else"));
    const { user } = keysOf(lines.map((line) => line.replace(", write into its [[host]]", "")));
    assert.equal(user, "somebody-else");
    write(home, { user, ssh_config });
    assert.match((await check(form, home)).text, /^name .* somebody-else@127\.0\.0\.1 /m);
  });
});

describeForms("hints about a METHOD that is a port", { concurrency: 3 }, (form) => {
  test("have the mail program log in by itself, or an imapd started", async () => {
    await using server = await startLoginServer("imap", mailbox, await freePort());
    using home = makeHome();
    const at = `{ to = "127.0.0.1:${server.port}"`;
    const table = (line: string) =>
      home.writeTable(`${tableFor(sshd, { match: "work" })}commands.imap = ${line}\n`);
    table(`${at} }`);
    const { status, hints } = await check(form, home);
    assert.equal(status, 69);
    const [, login = ""] = /(login = "client") next to its to$/.exec(hints.join("\n")) ?? [];
    table(`${at}, ${login} }`);
    const call = [...form.argv, "work", sshd.user, "imap"];
    // As another program than Alpine: with standard error apart.
    const own = await runCall(call, { env: home.env, input: "a1 LOGOUT\r\n", stdio: "pipes" });
    assert.match(String(own.output), /^\* OK .*\r\n\* BYE /);
    await runCall(call, { env: home.env, input: "a1 LOGOUT\r\n" });
    assert.match(
      home.log(),
      /hint: Alpine needs a command that starts an imapd, as in commands\.imap = "auto"$/m,
    );
    write(home);
    const alpines = await runCall(call, { env: home.env, input: "a1 LOGOUT\r\n" });
    assert.match(String(alpines.output), /^\* PREAUTH .*\r\n\* BYE Logging out/);
  });

  test("have a [[forward]] written for a server that has none", async () => {
    using home = makeHome();
    write(home);
    const { status, hints } = await tell(form, home, ["--forward", "work"]);
    assert.equal(status, 78);
    const [, via = ""] = /its "via" must match "(.*)"$/.exec(hints.join("\n")) ?? [];
    const listen = await freePort();
    const forward = `[[forward]]\nname = "ssh"\nlisten = ${listen}\nto = "127.0.0.1:${sshd.port}"\nvia = "${via}"\n`;
    home.writeTable(`${tableFor(sshd, { match: "work", share: true })}\n${forward}`);
    const up = await tell(form, home, ["--forward", "work", "--for", "1s"]);
    assert.equal(up.status, 0, up.stderr);
    assert.match(up.text, /forward "ssh"/);
  });
});
