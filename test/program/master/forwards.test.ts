import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { describeForms, type Form } from "../../peers/binaries.ts";
import { hostTable, tableFor } from "../../peers/home.ts";
import { gone } from "../../peers/processes.ts";
import { startSshd } from "../../peers/sshd.ts";
import { type Listener, listen, refusingPort, speakingServer } from "../../peers/tcp.ts";
import { poll } from "../../peers/waiting.ts";
import { connected, heard } from "../forwards/one_forward.ts";
import { answers, logout, PREAUTH, type Scene, type SceneOptions, startScene } from "./shared_home.ts";

const BANNER = "220 mail.test ESMTP\r\n";

/** A scene whose calls carry a forward. */
interface ForwardScene extends AsyncDisposable {
  readonly scene: Scene;
  readonly smtp: Listener;
  readonly port: number;
}

async function startForwardScene(
  form: Form,
  options: SceneOptions & { readonly to?: Listener } = {},
): Promise<ForwardScene> {
  const smtp = options.to ?? (await speakingServer(BANNER));
  const port = await refusingPort();
  const table = `[[forward]]\nname = "smtp"\nlisten = ${port}\nto = "127.0.0.1:${smtp.port}"\n${options.table ?? ""}`;
  const scene = await startScene(form, { ...options, table });
  return {
    scene,
    smtp,
    port,
    [Symbol.asyncDispose]: async () => {
      await scene[Symbol.asyncDispose]();
      await smtp[Symbol.asyncDispose]();
    },
  };
}

/** What a client of the forward is told, from its connection to its end. */
async function greeted(port: number): Promise<string> {
  const client = await connected(port);
  client.end();
  return await heard(client);
}

const isFree = (port: number): Promise<boolean> =>
  connected(port).then(
    (socket) => {
      socket.destroy();
      return false;
    },
    () => true,
  );

const CARRIES = /forward "smtp": carries port/;

describeForms("a forward in the master", { concurrency: 4 }, (form) => {
  test("stays when the mailbox that opened it has closed, and goes with the connection", async () => {
    await using forward = await startForwardScene(form, { host: { persist: "2s" } });
    const { scene, port } = forward;
    const first = await scene.open();
    await scene.logged(CARRIES);
    const second = await scene.open();
    assert.equal(await logout(first), 0);
    assert.equal(await greeted(port), BANNER);
    assert.equal(await logout(second), 0);
    const pid = await scene.master();
    assert.equal(await greeted(port), BANNER);
    await gone(pid);
    assert.equal(await isFree(port), true);
    assert.equal(scene.home.log().match(/forward "smtp": /g)?.length, 1, scene.home.log());
  });

  test("carries what is being sent to its end though all mailboxes have closed", async () => {
    let got = "";
    const slow = await listen((socket) => {
      socket.on("data", (chunk) => {
        got += chunk;
      });
      socket.on("end", () => socket.end("250 ok\r\n"));
    });
    await using forward = await startForwardScene(form, { to: slow, host: { persist: "0" } });
    const { scene, port } = forward;
    const call = await scene.open();
    await scene.logged(CARRIES);
    const client = await connected(port);
    client.write("first half, ");
    await slow.connected();
    const pid = await scene.master();
    assert.equal(await logout(call), 0);
    const status = await scene.statusOnce(({ connections }) => connections[0]?.sessions === 0, "no session");
    assert.equal(status.forwards[0]?.open, 1);
    client.end("second half");
    assert.equal(await heard(client), "250 ok\r\n");
    assert.equal(got, "first half, second half");
    await gone(pid);
    assert.equal(await isFree(port), true);
  });

  test("of twenty starts at once has one listener, and twenty mailboxes open over one login", {
    timeout: 120_000,
  }, async () => {
    const config = ["MaxStartups 100", "MaxSessions 100"];
    await using forward = await startForwardScene(form, { sshd: { config } });
    const { scene, port } = forward;
    const calls = await Promise.all(Array.from({ length: 20 }, () => scene.start()));
    await Promise.all(calls.map((call) => call.readUntil(PREAUTH, 60_000)));
    await scene.logged(CARRIES);
    for (const call of calls) await answers(call, "a1");
    assert.equal(scene.home.log().match(/forward "smtp": /g)?.length, 1, scene.home.log());
    assert.equal(scene.sshd.logins(), 1);
    assert.equal(await greeted(port), BANNER);
  });

  test("comes back with the next call when its connection was lost, and carries over the new one", async () => {
    await using forward = await startForwardScene(form);
    const { scene, port } = forward;
    const call = await scene.open();
    await scene.logged(CARRIES);
    for (const pid of scene.sshd.sessions()) process.kill(pid, "SIGKILL");
    assert.equal((await call.finished()).status, 255);
    // The port has been held all the time; who comes to it has a connection made.
    assert.equal(await greeted(port), BANNER);
    await answers(await scene.open(), "a1");
    assert.equal(scene.sshd.logins(), 2);
  });

  test("of a master that was killed is taken over by the next one's", async () => {
    await using forward = await startForwardScene(form);
    const { scene, port } = forward;
    await scene.open();
    await scene.logged(CARRIES);
    process.kill(await scene.master(), "SIGKILL");
    await scene.open();
    await scene.logged(/carries port[\s\S]*carries port/);
    assert.equal(await greeted(port), BANNER);
  });

  test("that two servers share is held by one of them, and by the other when that has gone", async () => {
    await using other = await startSshd();
    await using forward = await startForwardScene(form, { host: { persist: "0" } });
    const { scene, port } = forward;
    const second = tableFor(other, { match: "second.test", share: true, "commands.imap": "cat" });
    scene.home.writeTable(`${second}\n${readFileSync(scene.home.tableFile, "utf8")}`);
    const mailbox = await scene.open();
    await scene.logged(/mail\.test: forward "smtp": carries port/);
    const up = await scene.run("--forward", "second.test", "--for", "20s");
    assert.match(up.output.toString(), /second\.test: forward "smtp": .* (is held|in use) .*already/);
    assert.equal(up.status, 0, up.stderr);
    assert.equal(await logout(mailbox), 0);
    await scene.logged(/second\.test: forward "smtp": carries port/);
    assert.equal(await greeted(port), BANNER);
    assert.equal((await scene.status())?.forwards.length, 1);
  });

  test("that was held back at home comes up with the first call elsewhere, on the same connection", async () => {
    await using forward = await startForwardScene(form, { table: 'unless.domain = "home.net"\n' });
    const { scene, port } = forward;
    const env = { PATH: `${scene.home.path}:${scene.home.env.PATH}` };
    scene.home.write("hostname", "#!/bin/sh\necho home.net\n", 0o755);
    await scene.open({ env });
    await scene.logged(/forward "smtp": not opened: at home in "home\.net"/);
    assert.equal(await isFree(port), true);
    scene.home.write("hostname", "#!/bin/sh\necho elsewhere.net\n", 0o755);
    await scene.open({ env });
    await scene.logged(CARRIES);
    assert.equal(await greeted(port), BANNER);
    assert.equal(scene.sshd.logins(), 1);
    const { forwards } = (await scene.status()) ?? { forwards: [] };
    assert.deepEqual(
      forwards.map(({ name }) => name),
      ["smtp"],
    );
  });

  test("that cannot be had never keeps a mailbox from opening", async () => {
    await using mine = await speakingServer("mine");
    await using scene = await startScene(form, {
      table: `[[forward]]\nname = "smtp"\nlisten = ${mine.port}\nto = "127.0.0.1:1"\n`,
    });
    await answers(await scene.open(), "a1");
    await scene.logged(new RegExp(`forward "smtp": port ${mine.port} is in use by`));
    const [status] = (await scene.status())?.forwards ?? [];
    assert.match(status?.state ?? "", /in use/);
  });

  test("brought up by --forward leaves its connection in the master, for mailboxes too", async () => {
    await using forward = await startForwardScene(form);
    const { scene, port } = forward;
    const { output, status, stderr } = await scene.run("--forward", "mail.test", "--for", "20s");
    assert.equal(stderr, "");
    assert.match(output.toString(), /^mail\.test: forward "smtp": carries port \d+.* answers as SMTP: .*\n$/);
    assert.equal(status, 0);
    assert.equal(await greeted(port), BANNER);
    const shown = await scene.status();
    assert.equal(shown?.connections.length, 1);
    const left = Number(shown?.connections[0]?.until) - Date.now();
    assert.ok(left > 10_000 && left <= 20_000, `${left} ms`);
    await answers(await scene.open(), "a1");
    assert.equal(scene.sshd.logins(), 1);
    const again = await scene.run("--forward", "mail.test", "--for", "20s");
    assert.match(again.output.toString(), /carries port/);
    assert.equal(again.status, 0);
  });

  test("that the table has changed since is told as it is, and --stop waits for what it carries", async () => {
    await using forward = await startForwardScene(form);
    const { scene, port, smtp } = forward;
    await scene.open();
    await scene.logged(CARRIES);
    await using other = await speakingServer("221 elsewhere\r\n");
    const table = readFileSync(scene.home.tableFile, "utf8");
    scene.home.writeTable(table.replace(`127.0.0.1:${smtp.port}"`, `127.0.0.1:${other.port}"`));
    const { output } = await scene.run("--forward", "mail.test");
    assert.match(output.toString(), new RegExp(`to 127\\.0\\.0\\.1:${smtp.port}; .*"220 mail\\.test`));
    const client = await connected(port);
    await scene.statusOnce(({ forwards }) => forwards[0]?.open === 1, "a connection of the forward");
    const stopped = await scene.run("--stop");
    assert.equal(
      stopped.output.toString(),
      "mail.test: ends after its last use: 1 open mailbox, 1 connection of a forward\n",
    );
    client.destroy();
  });

  test("is the new connection's when the table has changed and leads elsewhere", async () => {
    await using forward = await startForwardScene(form, { host: { persist: "forever" } });
    const { scene, port, smtp } = forward;
    assert.equal(await logout(await scene.open()), 0);
    await scene.logged(CARRIES);
    await using other = await speakingServer("220 elsewhere\r\n");
    const table = readFileSync(scene.home.tableFile, "utf8");
    const changed = table.replace(`127.0.0.1:${smtp.port}"`, `127.0.0.1:${other.port}"`);
    scene.home.writeTable(changed.replace("[[host]]", "[[host]]\ncompression = true"));
    assert.equal(await logout(await scene.open()), 0);
    await poll(
      async () => !(await isFree(port)) && (await greeted(port)) === "220 elsewhere\r\n",
      "the new forward",
      () => scene.home.log(),
    );
    assert.equal((await scene.status())?.connections.length, 1);
  });

  test("brought up by --forward ends after its time where nobody uses it", async () => {
    await using forward = await startForwardScene(form, { host: { persist: "forever" } });
    const { scene, port } = forward;
    assert.equal((await scene.run("--forward", "mail.test", "--for", "1s")).status, 0);
    const pid = await scene.master();
    await gone(pid);
    assert.equal(await isFree(port), true);
  });

  test("--forward without sharing keeps a process of its own", async () => {
    await using forward = await startForwardScene(form, { host: { share: false } });
    const { scene, port } = forward;
    assert.equal((await scene.run("--forward", "mail.test", "--for", "20s")).status, 0);
    assert.equal((await scene.status())?.forwards.length, 1, "which --status finds");
    assert.equal(await greeted(port), BANNER);
  });

  test("--forward of what does not answer tells why, and leaves nothing", async () => {
    await using scene = await startScene(form, {
      table: `[[forward]]\nname = "smtp"\nlisten = ${await refusingPort()}\nto = "127.0.0.1:${await refusingPort()}"\n`,
      host: { persist: "0" },
    });
    const { status, stderr } = await scene.run("--forward", "mail.test");
    assert.match(stderr, /^preauth: mail\.test: forward "smtp": .*cannot connect to/);
    assert.equal(status, 69);
    await poll(async () => (await scene.status()) === null, "the end of the master");
    scene.home.writeTable(
      hostTable({ match: "mail.test", server: "127.0.0.1", port: 1, ssh_config: "none" }),
    );
    assert.equal((await scene.run("--forward", "mail.test")).status, 78);
  });
});
