import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { describeForms } from "../../peers/binaries.ts";
import { startCall } from "../../peers/call.ts";
import { type Home, hostTable, makeHome, tableFor } from "../../peers/home.ts";
import { makeKey } from "../../peers/keys.ts";
import { type Sshd, startSshd } from "../../peers/sshd.ts";
import { GREETING, MAIL, saying } from "./client.ts";

let sshd: Sshd;
let gate: Sshd;
before(async () => {
  sshd = await startSshd();
  gate = await startSshd();
});
after(() => Promise.all([sshd.stop(), gate.stop()]));

/** An environment whose askpass program would leave `asked` behind, and a display for it. */
function askable(home: Home): { readonly env: Record<string, string>; readonly asked: string } {
  const asked = join(home.path, "asked");
  const askpass = home.write("askpass", `#!/bin/sh\ntouch ${asked}\necho secret\n`, 0o755);
  const more = { SSH_ASKPASS: askpass, SSH_ASKPASS_REQUIRE: "force", DISPLAY: ":9" };
  return { env: { ...home.env, ...more }, asked };
}

describeForms("a call with a terminal and an askpass program at hand", (form) => {
  test("asks for no passphrase, neither the server's key nor that of a host on the way", async () => {
    for (const isOnTheWay of [false, true]) {
      using home = makeHome();
      const { env, asked } = askable(home);
      const { path } = makeKey(join(home.path, "locked"), "ed25519", "secret");
      const config = home.write(
        "ssh_config",
        [
          `Host ${sshd.host}\n  ${isOnTheWay ? "ProxyJump gate" : "ProxyJump none"}`,
          `Host gate\n  HostName 127.0.0.1\n  Port ${gate.port}\n  IdentityFile ${path}`,
          `  UserKnownHostsFile ${gate.knownHosts}\n  BatchMode no\n`,
        ].join("\n"),
      );
      const identity = isOnTheWay ? sshd.identity : path;
      const keys = { identity, ssh_config: config, deadline: "8s" };
      home.writeTable(tableFor(sshd, { ...keys, "commands.imap": saying(home, GREETING) }));
      await using call = await startCall([...form.argv, ...MAIL], { env, stdio: "terminal" });
      const { output, status } = await call.finished(12_000);
      const text = output.toString();
      assert.equal(status, 77, text);
      assert.match(text, isOnTheWay ? /Permission denied/ : /locked is encrypted/);
      // What it advises is no question.
      assert.doesNotMatch(text.replace(/^preauth: hint: .*$/gm, ""), /passphrase|password:/i);
      assert.equal(existsSync(asked), false);
    }
  });

  test("asks nobody about an unknown key", async () => {
    using home = makeHome();
    const { env, asked } = askable(home);
    const knownHosts = sshd.knownHostsFile("empty");
    home.writeTable(`${tableFor(sshd, { known_hosts: knownHosts })}${hostTable({ match: "x" })}`);
    await using call = await startCall([...form.argv, ...MAIL], { env, stdio: "terminal" });
    const { output, status } = await call.finished(12_000);
    assert.equal(status, 77);
    assert.match(output.toString(), /host key unknown/);
    assert.equal(existsSync(asked), false);
  });
});
