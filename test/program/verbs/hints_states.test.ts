import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, chownSync } from "node:fs";
import { dirname } from "node:path";
import { test } from "node:test";
import { describeForms } from "../../peers/binaries.ts";
import { type Home, type HostLines, hostTable, makeHome, tableFor } from "../../peers/home.ts";
import { gone, signal } from "../../peers/processes.ts";
import { startSecretServer } from "../../peers/secret_server.ts";
import { openTerminal } from "../../peers/terminal.ts";
import { freePort, STRANGER, startListener, withoutRoot } from "../../unit/forwards/fixtures.ts";
import { startScene } from "../master/shared_home.ts";
import { check } from "./hinted.ts";
import { mailbox, sshd } from "./own_server.ts";

/* More of hints.test.ts: each hint is followed in the state that it is for. */

function write(home: Home, keys: HostLines = {}, more = ""): void {
  home.writeTable(`${tableFor(sshd, { match: "work", "commands.imap": mailbox.command, ...keys })}\n${more}`);
}

describeForms("hints, each in its state", { concurrency: 3 }, (form) => {
  const spoilt: readonly (readonly [title: string, spoil: (file: string) => void])[] = [
    ["a table of another user", (file) => chownSync(file, STRANGER, STRANGER)],
    ["a directory of the table that others can write", (file) => chmodSync(dirname(file), 0o777)],
  ];
  for (const [title, spoil] of spoilt) {
    test(`mend ${title}`, { skip: withoutRoot }, async () => {
      using home = makeHome();
      write(home);
      spoil(home.tableFile);
      const { status, hints } = await check(form, home);
      assert.equal(status, 78);
      assert.equal(spawnSync("/bin/sh", ["-c", hints[0] ?? "false"]).status, 0);
      assert.equal((await check(form, home)).status, 0);
    });
  }

  test("leave out a BindAddress that cannot reach the server", async () => {
    using home = makeHome();
    const ssh_config = home.write("ssh_config", "BindAddress ::1\n");
    write(home, { ssh_config });
    const { status, stderr, hints } = await check(form, home);
    assert.match(stderr, /BindAddress "::1" has no address to connect from/);
    assert.equal(status, 69);
    assert.match(hints.join("\n"), /or leave BindAddress out for this host$/);
    home.write("ssh_config", "");
    assert.equal((await check(form, home)).status, 0);
  });

  test("choose another place than a port of another user's", { skip: withoutRoot }, async () => {
    await using other = await startListener({ uid: STRANGER });
    using home = makeHome();
    const at = (port: number) =>
      write(home, {}, `[[forward]]\nname = "smtp"\nlisten = ${port}\nto = "127.0.0.1:${sshd.port}"\n`);
    at(other.port);
    assert.match(
      (await check(form, home)).text,
      /^ {2}hint: choose another place, in the table and in the mail client$/m,
    );
    at(await freePort());
    assert.match((await check(form, home)).text, /^forward "smtp": would carry /m);
  });

  test("have a password changed that has expired, and the new one lets in", async () => {
    await using server = await startSecretServer({ password: "swordfish", isExpired: true });
    using home = makeHome();
    const { host, port, user, knownHosts } = server;
    const ssh_config = home.write("ssh_config", `IdentityFile none\nUserKnownHostsFile ${knownHosts}\n`);
    home.writeTable(hostTable({ match: "work", server: host, port, user, ssh_config, share: false }));
    const login = async (password: string, wanted: RegExp) => {
      const terminal = await openTerminal([...form.argv, "--login", "work"], { env: home.env, columns: 160 });
      await terminal.waitFor(/password:/, "the question");
      terminal.type(password);
      terminal.keys("Enter");
      const screen = await terminal.waitFor(wanted, "the outcome");
      await terminal[Symbol.asyncDispose]();
      return screen;
    };
    const screen = await login("swordfish", /hint: change it: /);
    assert.match(screen, /the server wants the password changed: it says "Your password has expired\."/);
    const [, line = ""] = /hint: change it: (ssh .*)$/m.exec(screen) ?? [];
    await using terminal = await openTerminal(["/bin/sh", "-c", line], { env: home.env, columns: 160 });
    for (const [asked, given] of [
      [/password:\s*$/, "swordfish"],
      [/old password:\s*$/, "swordfish"],
      [/new password:\s*$/, "marlin"],
      [/Retype .*new password:\s*$/, "marlin"],
    ] as const) {
      await terminal.waitFor(asked, "ssh's question");
      terminal.type(given);
      terminal.keys("Enter");
    }
    await login("marlin", /logged in to work/);
  });

  test("end a process in the background that hangs", async () => {
    await using scene = await startScene(form);
    const call = await scene.open();
    const master = await scene.master();
    signal(master, "SIGSTOP");
    const asked = await scene.run("--status");
    assert.match(asked.stderr, /the process in the background cannot be asked: /);
    const [, line = ""] = /to end it: (kill .*)$/m.exec(asked.stderr) ?? [];
    const number = [...scene.home.log().matchAll(/\[(\d+)\] master: listening/g)].at(-1)?.[1];
    assert.equal(Number(number), master);
    assert.equal(spawnSync("/bin/sh", ["-c", line.replace("NUMBER", String(number))]).status, 0);
    await gone(master);
    await call.finished();
    const next = await scene.open();
    next.end();
    await next.finished();
  });
});
