import assert from "node:assert/strict";
import { readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { startAgent } from "../peers/agent.ts";
import { describeForms, type Form } from "../peers/binaries.ts";
import { runCall, startCall } from "../peers/call.ts";
import { makeMailbox } from "../peers/dovecot.ts";
import { type Dropbear, skipWithoutDropbear, startDropbear } from "../peers/dropbear.ts";
import { type Home, type HostLines, makeHome, tableFor } from "../peers/home.ts";
import { makeKey } from "../peers/keys.ts";
import { type RoundProxy, startRoundProxy } from "../peers/rounds.ts";
import { type Sshd, startSshd } from "../peers/sshd.ts";

let sshd: Sshd;
before(async () => {
  sshd = await startSshd();
});
after(() => sshd.stop());

type Server = Pick<Sshd, "host" | "port" | "user" | "identity" | "knownHosts">;

/** A mailbox behind a proxy that counts. */
function settle(home: Home, server: Server, proxy: RoundProxy, keys: HostLines = {}): void {
  const alias = `HostKeyAlias [127.0.0.1]:${server.port}\n`;
  const config = home.write("ssh_config", alias);
  home.writeTable(tableFor({ ...server, port: proxy.port }, { ssh_config: config, ...keys }));
}

/** The round trips to the greeting; the call then ends in order. */
async function roundsOf(form: Form, home: Home, proxy: RoundProxy, env = home.env): Promise<number> {
  await using call = await startCall([...form.argv, "mail.test", "jane", "imap"], { env });
  await call.readUntil(/^\* PREAUTH .*\r\n/);
  const { rounds } = proxy;
  call.write("A1 LOGOUT\r\n");
  call.end();
  const { status, output } = await call.finished();
  assert.match(output.toString(), /A1 OK /);
  assert.equal(status, 0);
  return rounds;
}

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
