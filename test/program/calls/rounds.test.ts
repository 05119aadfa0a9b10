import assert from "node:assert/strict";
import { readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { startAgent } from "../../peers/agent.ts";
import { describeForms } from "../../peers/binaries.ts";
import { runCall, startCall } from "../../peers/call.ts";
import { makeMailbox } from "../../peers/dovecot.ts";
import { type Dropbear, skipWithoutDropbear, startDropbear } from "../../peers/dropbear.ts";
import { makeHome } from "../../peers/home.ts";
import { makeKey } from "../../peers/keys.ts";
import { startRoundProxy } from "../../peers/rounds.ts";
import { type Sshd, startSshd } from "../../peers/sshd.ts";
import { roundsOf, settle } from "./counted.ts";

let sshd: Sshd;
before(async () => {
  sshd = await startSshd();
});
after(() => sshd.stop());

describeForms("the round trips from TCP connect to the greeting", (form) => {
  test("are seven for the first call and three from then on", async () => {
    using home = makeHome();
    using mailbox = makeMailbox();
    await using proxy = await startRoundProxy(sshd);
    settle(home, sshd, proxy, { "commands.imap": mailbox.command });
    assert.equal(await roundsOf(form, home, proxy), 7);
    for (const _ of [1, 2]) assert.equal(await roundsOf(form, home, proxy), 3);
    assert.equal(proxy.connections, 3);
  });

  test("are three with the agent's key, and where the imapd is looked for", async () => {
    using home = makeHome();
    using mailbox = makeMailbox();
    await using agent = await startAgent([sshd.identity]);
    await using proxy = await startRoundProxy(sshd);
    settle(home, sshd, proxy, { "commands.imap": mailbox.command, identity: undefined });
    const env = { ...home.env, SSH_AUTH_SOCK: agent.socket };
    await roundsOf(form, home, proxy, env);
    assert.equal(await roundsOf(form, home, proxy, env), 3);
  });

  test("are three on dropbear", { skip: skipWithoutDropbear() }, async () => {
    await using dropbear: Dropbear = await startDropbear();
    using home = makeHome();
    using mailbox = makeMailbox();
    await using proxy = await startRoundProxy(dropbear);
    settle(home, dropbear, proxy, { "commands.imap": mailbox.command });
    await roundsOf(form, home, proxy);
    assert.equal(await roundsOf(form, home, proxy), 3);
  });

  test("are three where a master logs in, too: its first mailbox waits for no more", async () => {
    using home = makeHome();
    using mailbox = makeMailbox();
    await using proxy = await startRoundProxy(sshd);
    settle(home, sshd, proxy, { "commands.imap": mailbox.command, share: true, persist: "0" });
    // Counted once the greeting is there, there would be what the master asks the server for its own sake.
    for (const most of [7, 3, 3]) {
      proxy.most = most;
      await using call = await startCall([...form.argv, "mail.test", "jane", "imap"], { env: home.env });
      await call.readUntil(/^\* PREAUTH .*\r\n/);
      proxy.most = Number.POSITIVE_INFINITY;
      call.write("A1 LOGOUT\r\n");
      await call.readUntil(/A1 OK /);
      assert.equal((await call.exited()).status, 0);
      await sshd.idle();
    }
    assert.equal(proxy.connections, 3);
  });

  test("are those of a first call where nothing can be remembered", async () => {
    using home = makeHome();
    using mailbox = makeMailbox();
    await using proxy = await startRoundProxy(sshd);
    settle(home, sshd, proxy, { "commands.imap": mailbox.command });
    home.write("state", "");
    for (const _ of [1, 2]) assert.equal(await roundsOf(form, home, proxy), 7);
  });

  test("are those of a first call for --check, which goes step by step", async () => {
    using home = makeHome();
    using mailbox = makeMailbox();
    await using proxy = await startRoundProxy(sshd);
    settle(home, sshd, proxy, { "commands.imap": mailbox.command });
    await roundsOf(form, home, proxy);
    const argv = [...form.argv, "--check", "mail.test"];
    const { status } = await runCall(argv, { env: home.env, stdio: "pipes" });
    assert.equal(status, 0);
    assert.equal(proxy.rounds >= 7, true);
  });

  test("leave the same words behind when the key was taken away", async () => {
    await using own = await startSshd();
    using home = makeHome();
    using mailbox = makeMailbox();
    await using proxy = await startRoundProxy(own);
    settle(home, own, proxy, { "commands.imap": mailbox.command });
    await roundsOf(form, home, proxy);
    const other = makeKey(join(home.path, "other"));
    writeFileSync(join(dirname(own.identity), "authorized_keys"), `${other.line}\n`);
    const refusal = async () => {
      const argv = [...form.argv, "mail.test", "jane", "imap"];
      const { output, status } = await runCall(argv, { env: home.env, input: "A1 NOOP\r\n" });
      assert.equal(status, 77);
      return output.toString();
    };
    const early = await refusal();
    for (const name of readdirSync(join(home.env.XDG_STATE_HOME ?? "", "preauth", "refused"))) {
      writeFileSync(join(home.env.XDG_STATE_HOME ?? "", "preauth", "refused", name), "");
    }
    assert.equal(early, await refusal());
    assert.match(early, /not let in \(tried ssh-ed25519 /);
    assert.equal(proxy.connections, 3);
  });
});
