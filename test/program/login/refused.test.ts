import assert from "node:assert/strict";
import { appendFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { startAgent } from "../../peers/agent.ts";
import { describeForms } from "../../peers/binaries.ts";
import { runCall } from "../../peers/call.ts";
import { type Home, makeHome, tableFor } from "../../peers/home.ts";
import { type Key, makeKey } from "../../peers/keys.ts";
import { type Sshd, startSshd } from "../../peers/sshd.ts";
import { converse, GREETING, MAIL } from "../calls/client.ts";

describeForms("a refused login", (form) => {
  let sshd: Sshd;
  let home: Home;
  let key: Key;
  before(async () => {
    sshd = await startSshd();
    home = makeHome();
    key = makeKey(join(home.path, "key"));
  });
  after(async () => {
    await sshd.stop();
    home[Symbol.dispose]();
  });

  const table = (keys: Record<string, string> = {}) =>
    tableFor(sshd, {
      ...{ identity: key.path, on_failure: "tell", "commands.imap": `cat '${home.write("said", GREETING)}'` },
      ...keys,
    });
  const call = (env: Record<string, string> = {}) =>
    converse([...form.argv, ...MAIL], { env: { ...home.env, ...env } });

  test("is tried once in ten calls of a minute, and the others say why and how long ago", async () => {
    home.writeTable(table());
    for (let n = 0; n < 10; n++) {
      const { output, status } = await call();
      assert.equal(status, 77);
      assert.match(String(output), /^\* NO preauth: mail\.test: \S+ not let in \(tried ssh-ed25519 SHA256:/);
      assert.equal(/ \(\d+ s ago, and not tried again within a minute\)/.test(String(output)), n > 0);
    }
    assert.equal(sshd.connections(), 1);
    assert.match(home.log(), /hint: try at once: preauth --check mail\.test/);
  });

  test("is tried once by ten calls at once", async () => {
    home.writeTable(table({ identity: makeKey(join(home.path, "burst")).path }));
    await sshd.idle();
    const attempts = () => sshd.log().match(/closed by authenticating user/g)?.length ?? 0;
    const count = attempts();
    const calls = await Promise.all(Array.from({ length: 10 }, () => call()));
    for (const { output } of calls) assert.match(String(output), /not let in \(tried ssh-ed25519 SHA256:/);
    const repeated = calls.filter(({ output }) => / s ago, /.test(String(output)));
    assert.equal(repeated.length, 9);
    await sshd.idle();
    assert.equal(attempts(), count + 1);
  });

  test("is tried again with another key, for another user, and by --check", async () => {
    const second = makeKey(join(home.path, "second"));
    home.writeTable(table({ identity: second.path }));
    const count = sshd.connections();
    await call();
    assert.equal(sshd.connections(), count + 1);
    home.writeTable(table({ user: "somebody" }));
    await call();
    assert.equal(sshd.connections(), count + 2);
    home.writeTable(table());
    await call();
    assert.equal(sshd.connections(), count + 2);
    const { status, stderr } = await runCall([...form.argv, "--check", "mail.test"], {
      env: home.env,
      stdio: "pipes",
    });
    assert.equal(status, 77, stderr);
    assert.equal(sshd.connections(), count + 3);
    assert.doesNotMatch(stderr, / s ago/);
  });

  test("is tried again when the agent has got a key", async () => {
    const third = makeKey(join(home.path, "third"));
    await using empty = await startAgent();
    await using agent = await startAgent([third.path]);
    rmSync(third.path);
    home.writeTable(table({ identity: third.path }));
    const count = sshd.connections();
    await call({ SSH_AUTH_SOCK: empty.socket });
    await call({ SSH_AUTH_SOCK: empty.socket });
    assert.equal(sshd.connections(), count + 1);
    await call({ SSH_AUTH_SOCK: agent.socket });
    assert.equal(sshd.connections(), count + 2);
  });

  test("is not remembered where the agent was at fault", async () => {
    const gone = join(home.path, "gone");
    home.writeTable(table({ identity: join(home.path, "nothing") }));
    const count = sshd.connections();
    for (let n = 1; n <= 2; n++) {
      await call({ SSH_AUTH_SOCK: gone });
      assert.equal(sshd.connections(), count + n);
    }
  });

  test("is over when --check has got in: the next call does not look back", async () => {
    home.writeTable(table());
    assert.match(String((await call()).output), / s ago/);
    appendFileSync(join(dirname(sshd.identity), "authorized_keys"), `${key.line}\n`);
    assert.match(String((await call()).output), / s ago/);
    await runCall([...form.argv, "--check", "mail.test"], { env: home.env, stdio: "pipes" });
    const { output } = await call();
    assert.ok(String(output).startsWith(GREETING), String(output));
  });

  test("that cannot be remembered does not stop mail", async () => {
    const state = join(home.path, "state");
    rmSync(state, { recursive: true });
    home.write("state", "");
    home.writeTable(table({ identity: makeKey(join(home.path, "fourth")).path }));
    const count = sshd.connections();
    for (let n = 0; n < 2; n++) assert.match(String((await call()).output), /not let in/);
    assert.equal(sshd.connections(), count + 2);
  });
});
