import assert from "node:assert/strict";
import { test } from "node:test";
import { describeForms } from "../../peers/binaries.ts";
import { tableFor } from "../../peers/home.ts";
import { throughTable } from "../stream/places.ts";
import { GREET } from "../stream/stream.ts";
import { PREAUTH, startScene } from "./shared_home.ts";

// What --stop does to those who use what it ends, and to those who wait for it.
describeForms("--stop --now", { concurrency: 4 }, (form) => {
  for (const [when, reached] of [
    ["during its login", ({ down }: { readonly down: number }) => down > 1500],
    ["after its login", undefined],
  ] as const) {
    test(`has a call that is being opened ${when} log in anew, once`, async () => {
      const proxy = reached === undefined ? true : ({ freezeWhen: reached } as const);
      await using scene = await startScene(form, { proxy });
      // Its imapd greets when the test says so.
      const command = `while ! [ -e ${scene.home.path}/go ]; do sleep 0.05; done; ${GREET}; exec cat`;
      const keys = { share: true, "commands.imap": command };
      scene.home.writeTable(throughTable(scene.home, scene.sshd, scene.proxy, keys));
      const call = await scene.start();
      if (reached === undefined) await scene.statusOnce(({ connections }) => connections[0], "a connection");
      else await scene.proxy.froze();
      const before = scene.sshd.logins();
      assert.equal((await scene.run("--stop", "--now")).status, 0);
      scene.proxy.thaw();
      await scene.logged(/stopped while a call was waiting: anew/);
      scene.home.write("go", "");
      await call.readUntil(PREAUTH);
      assert.ok(scene.sshd.logins() - before <= 1, `${scene.sshd.logins() - before} logins after it`);
      assert.doesNotMatch(scene.home.log(), /in vain|internal error|on to another/);
      call.hangUp();
    });
  }

  test("is what ended a mailbox that was open: the log does not call it a lost connection", async () => {
    await using scene = await startScene(form);
    const call = await scene.open({ stdio: "pipes" });
    assert.equal((await scene.run("--stop", "--now")).status, 0);
    const { status, stderr } = await call.finished();
    assert.deepEqual([status, stderr], [255, "preauth: mail.test: stopped by preauth --stop --now\n"]);
    assert.doesNotMatch(scene.home.log(), /connection lost/);
  });
});

describeForms("a first call that fails", (form) => {
  test("is told why, after the one connection that it was worth", async () => {
    await using scene = await startScene(form);
    const known_hosts = scene.sshd.knownHostsFile("wrong");
    const keys = { share: true, known_hosts, "commands.imap": "exec cat" };
    scene.home.writeTable(tableFor(scene.sshd, keys));
    const call = await scene.start({ stdio: "pipes" });
    const { status, stderr } = await call.finished();
    assert.match(stderr, /^preauth: \S+: host key changed /);
    assert.equal(status, 77);
    assert.equal(scene.sshd.connections(), 1);
  });
});

describeForms("a Host of ssh_config in another case", (form) => {
  test("is another machine: two calls share no connection", async () => {
    await using scene = await startScene(form);
    const config = (name: string) =>
      `Host ${name}\n  HostName ${scene.sshd.host}\n  Port ${scene.sshd.port}\n  User ${scene.sshd.user}\n`;
    const keys = {
      share: true,
      port: undefined,
      user: undefined,
      ssh_config: scene.home.write("config.ssh", config("Work") + config("work")),
    };
    const one = tableFor(scene.sshd, {
      ...keys,
      match: "one.test",
      server: "Work",
      "commands.imap": "echo '* PREAUTH Work'; exec cat",
    });
    const two = tableFor(scene.sshd, {
      ...keys,
      match: "two.test",
      server: "work",
      "commands.imap": "echo '* PREAUTH work'; exec cat",
    });
    scene.home.writeTable(`${one}\n${two}`);
    const first = await scene.start({ server: "one.test" });
    await first.readUntil(/^\* PREAUTH Work\r\n/);
    const second = await scene.start({ server: "two.test" });
    await second.readUntil(/^\* PREAUTH work\r\n/);
    assert.equal(scene.sshd.logins(), 2);
    first.hangUp();
    second.hangUp();
  });
});
