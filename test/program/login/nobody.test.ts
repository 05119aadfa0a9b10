import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { startAgent } from "../../peers/agent.ts";
import { describeForms } from "../../peers/binaries.ts";
import { startCall } from "../../peers/call.ts";
import { type Home, makeHome, tableFor } from "../../peers/home.ts";
import { makeKey } from "../../peers/keys.ts";
import { type Sshd, startSshd } from "../../peers/sshd.ts";
import { trace } from "../../peers/strace.ts";
import { converse, GREETING, MAIL, since } from "../calls/client.ts";

describeForms("nobody is asked when a mail client calls", (form) => {
  let sshd: Sshd;
  let home: Home;
  let asked: string;
  let env: Record<string, string>;
  before(async () => {
    sshd = await startSshd({ config: ["PasswordAuthentication yes", "KbdInteractiveAuthentication yes"] });
    home = makeHome();
    asked = join(home.path, "asked");
    const askpass = home.write("askpass", `#!/bin/sh\necho "$@" >> '${asked}'\necho secret\n`, 0o700);
    env = { ...home.env, SSH_ASKPASS: askpass, SSH_ASKPASS_REQUIRE: "force", DISPLAY: ":0" };
    const key = makeKey(join(home.path, "key"), "ed25519", "secret");
    home.writeTable(tableFor(sshd, { identity: key.path, on_failure: "tell", "commands.imap": "true" }));
  });
  after(async () => {
    await sshd.stop();
    home[Symbol.dispose]();
  });

  const reason = /is encrypted; the server takes publickey, password, keyboard-interactive\)/;

  test("an encrypted key is told of within a second, with a controlling terminal and an askpass", async () => {
    const file = join(home.path, "output");
    const words = ["/bin/sh", "-c", 'exec "$@" > "$0" 2>&1', file, ...form.argv, ...MAIL];
    let quickest = Number.POSITIVE_INFINITY;
    // A machine that is busy with something else may hold one of them up.
    for (let times = 0; times < 3 && quickest >= 1000; times++) {
      await using call = await startCall(words, { env, stdio: "terminal" });
      const { status, output } = await call.finished();
      quickest = Math.min(quickest, since(call));
      assert.equal(status, 77);
      // What was written to /dev/tty would stand here.
      assert.equal(String(output), "");
      assert.match(
        readFileSync(file, "latin1"),
        /^\* NO preauth: mail\.test: no key to log in with as \S+ \(/,
      );
      assert.match(readFileSync(file, "latin1"), reason);
      assert.equal(existsSync(asked), false);
    }
    assert.ok(quickest < 1000, `${quickest} ms`);
  });

  test("nor on the terminal of somebody who debugs a call by hand", async () => {
    await using call = await startCall([...form.argv, ...MAIL], { env, stdio: "terminal" });
    const { output } = await call.finished();
    assert.match(String(output), /^preauth: mail\.test: no key to log in with/);
    assert.doesNotMatch(String(output), /passphrase for|password: /i);
    assert.equal(existsSync(asked), false);
  });

  test("nothing that a call starts opens /dev/tty or runs an askpass", async () => {
    const calls = trace(home, ["open", "openat", "execve"]);
    const words = [
      "/bin/sh",
      "-c",
      'exec "$@" > /dev/null 2>&1',
      "sh",
      ...calls.under,
      ...form.argv,
      ...MAIL,
    ];
    await using call = await startCall(words, { env, stdio: "terminal" });
    await call.finished();
    const lines = calls.lines();
    assert.ok(lines.some((line) => line.includes(join(home.path, "key"))));
    assert.deepEqual(
      lines.filter((line) => /"\/dev\/tty"|askpass/.test(line)),
      [],
    );
  });

  test("nor does an agent that would ask through an askpass of ours", async () => {
    await using agent = await startAgent();
    const { output } = await converse([...form.argv, ...MAIL], {
      env: { ...env, SSH_AUTH_SOCK: agent.socket },
    });
    assert.match(String(output), reason);
    assert.equal(existsSync(asked), false);
  });

  test("neither agent nor X11 are forwarded, whatever ssh_config says", async () => {
    const config = home.write("ssh_config", "Host *\n  ForwardAgent yes\n  ForwardX11 yes\n");
    const file = join(home.path, "environment");
    const command = `env > '${file}'; cat '${home.write("said", GREETING)}'`;
    await using agent = await startAgent([sshd.identity]);
    home.writeTable(tableFor(sshd, { ssh_config: config, "commands.imap": command }));
    const { output } = await converse([...form.argv, ...MAIL], {
      env: { ...env, SSH_AUTH_SOCK: agent.socket },
    });
    assert.ok(String(output).startsWith(GREETING), String(output));
    const remote = readFileSync(file, "utf8");
    assert.match(remote, /^SSH_CONNECTION=/m);
    assert.doesNotMatch(remote, /^(SSH_AUTH_SOCK|DISPLAY|XAUTHORITY)=/m);
  });
});
