import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { userInfo } from "node:os";
import { describe, test } from "node:test";
import { rshPath } from "../../peers/alpine.ts";
import { forms } from "../../peers/binaries.ts";
import { runCall, startCall } from "../../peers/call.ts";
import { type Home, type HostLines, makeHome, tableFor } from "../../peers/home.ts";
import { program } from "../../peers/programs.ts";
import { Received } from "../../peers/received.ts";
import { skipUnlessRoot } from "../../peers/rights.ts";
import { startSshd } from "../../peers/sshd.ts";
import {
  freePort,
  lowPort,
  startListener,
  withoutLowPorts,
  withoutRoot,
  withoutSix,
} from "../../unit/forwards/fixtures.ts";
import { check, lineOf, type } from "./hinted.ts";
import { mailbox, sshd } from "./own_server.ts";

/* Hints about calls, commands and forwards, each followed in the state that it is for. Their words are the same in both forms. */

const [form = assert.fail("no form")] = forms;

function write(home: Home, keys: HostLines = {}, more = ""): void {
  const own = { match: "work", "commands.imap": mailbox.command };
  home.writeTable(`${tableFor(sshd, { ...own, ...keys })}\n${more}`);
}

describe("hints about a call", { concurrency: 3 }, () => {
  test("check the other user whom Alpine calls as", async () => {
    using home = makeHome();
    write(home, { user: undefined });
    const mailboxes = "folder-collections={work/user=nobody1}[],\n {work}[]";
    home.write(".pinerc", `rsh-path=${rshPath(home, form.argv)}\n${mailboxes}\n`);
    const { status, text } = await check(form, home);
    assert.equal(status, 77);
    const [, line = "false"] = /^note: Alpine calls as ".*" too: (preauth .*)$/m.exec(text) ?? [];
    const other = type(form, home, line);
    assert.equal(other.status, 0, other.stderr);
    assert.match(other.stdout, new RegExp(`^name .* ${userInfo().username}@127\\.0\\.0\\.1 port`, "m"));
  });

  test("find the file of ssh's own that has what is not supported", { skip: skipUnlessRoot }, async () => {
    using home = makeHome();
    write(home, { ssh_config: undefined });
    const file = home.write("ssh_config", "ProxyUseFdpass yes\nProxyCommand nc %h %p\n", 0o644);
    // The machine's own file, for this one program.
    const apart = [program("unshare"), "--mount", "--propagation", "private", "sh", "-c"];
    const under = [...apart, `mount --bind "${file}" /etc/ssh/ssh_config && exec "$@"`, "sh"];
    const there = { ...form, argv: [...under, ...form.argv] };
    const { status, hints } = await check(there, home);
    assert.equal(status, 78);
    const line = lineOf(hints, /^find the file that sets it/);
    const { output, stderr } = await runCall([...under, "sh", "-c", line], { env: home.env, stdio: "pipes" });
    assert.match(String(output), /^proxyusefdpass yes$/m);
    const files = [...stderr.matchAll(/Reading configuration data (.*?)\r?$/gm)].map(([, name]) => name);
    assert.equal(files.includes("/etc/ssh/ssh_config"), true, stderr);
    home.write("ssh_config", "Host *\n", 0o644);
    assert.equal((await check(there, home)).status, 0);
  });

  test("see what a shell prints that never ends", async () => {
    using home = makeHome();
    const shell = home.write("shell", "", 0o755);
    const speak = (noise: string) => home.write("shell", `#!/bin/sh\n${noise}\nexec /bin/sh "$@"\n`, 0o755);
    await using noisy = await startSshd({ shell });
    const ssh_config = home.write("ssh_config", `UserKnownHostsFile ${noisy.knownHosts}\n`);
    home.writeTable(
      tableFor(noisy, {
        match: "work",
        ssh_config,
        "commands.imap": mailbox.command,
        known_hosts: undefined,
      }),
    );
    speak("yes 'what a noise' | head -n 6000");
    const { status, hints } = await check(form, home);
    assert.equal(status, 69);
    assert.match(
      hints.join("\n"),
      /^see what its shell prints: ssh to it and run the command of the table; the log has the beginning$/m,
    );
    assert.match(home.log(), /what a noise/);
    const words = ["-F", ssh_config, "-i", noisy.identity, "-p", String(noisy.port), noisy.host];
    const line = `ssh ${words.join(" ")} '${mailbox.command}'`;
    assert.match(type(form, home, line).stdout, /^(what a noise\n){6000}\* PREAUTH /);
    speak("");
    assert.equal((await check(form, home)).status, 0);
  });

  test("have Bcc written into the header of a letter", async () => {
    using home = makeHome();
    const kept = home.write("kept", "");
    write(home, { "commands.sendmail": `cat > ${kept}; : -t` });
    const send = (header: string) =>
      runCall([...form.argv, "work", sshd.user, "sendmail", "--", "joe@isp.com", "ann@isp.com"], {
        ...{ env: home.env, stdio: "pipes", input: `${header}\nHello.\n` },
      });
    assert.equal((await send("To: joe@isp.com\n")).status, 64);
    assert.match(
      home.log(),
      /hint: for Bcc, let the mail program write it into the header, where sendmail -t/,
    );
    const { status, stderr } = await send("To: joe@isp.com\nBcc: ann@isp.com\n");
    assert.equal(status, 0, stderr);
    assert.match(readFileSync(kept, "utf8"), /^Bcc: ann@isp\.com$/m);
  });
});

describe("hints about the port of a forward", { concurrency: 2 }, () => {
  const table = (home: Home, listen: number) =>
    write(
      home,
      { share: true },
      `[[forward]]\nname = "it"\nlisten = ${listen}\nto = "127.0.0.1:${sshd.port}"\n`,
    );
  /** What comes from there through the forward, while `--forward` holds it. */
  async function heard(home: Home, host: string, port: number): Promise<string> {
    const argv = [...form.argv, "--forward", "work", "--for", "30s"];
    await using forward = await startCall(argv, { env: home.env, stdio: "pipes" });
    await forward.readUntil(/forward "it"/);
    const socket = connect({ host, port });
    const received = new Received(socket, "the forward");
    await received.until(/^SSH-2\.0-OpenSSH/);
    socket.destroy();
    return received.text;
  }

  test("take 127.0.0.1 where ::1 is another program's", { skip: withoutSix }, async () => {
    await using other = await startListener({ host: "::1" });
    using home = makeHome();
    table(home, other.port);
    const { text } = await check(form, home);
    const [, host = ""] = /^ {2}hint: write (\S+) instead of localhost in the mail client$/m.exec(text) ?? [];
    assert.match(await heard(home, host, other.port), /^SSH-2\.0-OpenSSH/);
  });

  test("take a port from 1024 on", { skip: withoutRoot || withoutLowPorts }, async () => {
    using home = makeHome();
    const right = "-net_bind_service";
    const bound = [program("setpriv"), `--bounding-set=${right}`, `--inh-caps=${right}`];
    const there = { ...form, argv: [...bound, ...form.argv] };
    table(home, await lowPort());
    const { text } = await check(there, home);
    assert.match(text, /^ {2}hint: choose a port from 1024 on, in the table and in the mail client$/m);
    table(home, await freePort());
    assert.match((await check(there, home)).text, /^forward "it": would carry /m);
  });
});
