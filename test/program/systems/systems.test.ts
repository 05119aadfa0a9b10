import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { dirname } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { runCall, startCall } from "../../peers/call.ts";
import { makeMailbox } from "../../peers/dovecot.ts";
import { hostTable, makeHome, tableFor } from "../../peers/home.ts";
import { makeKey } from "../../peers/keys.ts";
import { startSshd } from "../../peers/sshd.ts";
import { silentServer } from "../../peers/tcp.ts";

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const argv = [
  process.execPath,
  "--require",
  path("../../peers/other_system.cjs"),
  path("../../../dist/preauth.js"),
];

for (const system of ["darwin", "openbsd", "netbsd"]) {
  describe(`dist/preauth.js on ${system}, simulated`, () => {
    for (const stdio of ["alpine", "pipes"] as const) {
      test(`opens mailboxes over one connection, and ends well (${system}, stdio of ${stdio})`, async () => {
        using home = makeHome();
        using mailbox = makeMailbox();
        await using sshd = await startSshd();
        home.writeTable(tableFor(sshd, { "commands.imap": mailbox.command, share: true }));
        const { XDG_RUNTIME_DIR = "", ...rest } = home.env;
        const env = { ...rest, TMPDIR: XDG_RUNTIME_DIR, OTHER_SYSTEM: system };
        for (const _time of [1, 2]) {
          await using call = await startCall([...argv, "mail.test", "jane", "imap"], { env, stdio });
          await call.readUntil(/^\* PREAUTH .*\r\n/);
          call.write("A1 SELECT INBOX\r\nA2 LOGOUT\r\n");
          await call.readUntil(/^A2 OK .*\r\n$/m);
          const { status, stderr } = await call.finished();
          assert.deepEqual([status, stderr], [0, ""], home.log());
        }
        // The machine's name, which is another one for each of these processes, is in no path on macOS.
        assert.equal(sshd.logins(), system === "darwin" ? 1 : 2);
      });
    }

    // Where no two pipes can be told apart, the stream of IMAP is kept clean.
    const isTold = system !== "netbsd";
    test(`refuses an unknown server silently, and says so where errors are seen to have a pipe of their own (${system})`, async () => {
      using home = makeHome();
      home.writeTable("");
      const env = { ...home.env, OTHER_SYSTEM: system };
      for (const [stdio, said] of [
        ["alpine", ""],
        ["pipes", isTold ? "unknown.test" : ""],
      ] as const) {
        await using call = await startCall([...argv, "unknown.test", "jane", "imap"], { env, stdio });
        const { status, output, stderr } = await call.finished();
        assert.deepEqual([status, output.length, stderr.includes(said)], [1, 0, true], stderr);
        assert.equal(stderr === "", said === "");
      }
    });
  });
}

/*
 * A case-insensitive file system cannot be had here (neither Linux's casefold nor XFS's ascii-ci is built into every
 * kernel), but what it would do is known: names that differ in case alone are one. So no name may have a capital.
 */
test("every file that is made has a name that a case-insensitive file system keeps apart from the others", async () => {
  using home = makeHome();
  using mailbox = makeMailbox();
  await using sshd = await startSshd();
  const keys = { "commands.imap": mailbox.command };
  await using silent = await silentServer();
  const stranger = makeKey(`${home.path}/stranger`);
  const hosts = [
    { ...keys, match: "Shared.test", share: true },
    { ...keys, match: "Refused.test", identity: stranger.path, user: undefined },
    { ...keys, match: "Silent.test", port: silent.port, deadline: "2s" },
  ];
  home.writeTable(hosts.map((host) => tableFor(sshd, host)).join("\n"));
  // No place for sockets but the state directory, where the machine's name is part of theirs.
  const { XDG_RUNTIME_DIR: _none, ...rest } = home.env;
  const env = { ...rest, OTHER_SYSTEM: "openbsd" };
  const made = new Set<string>();
  for (const words of [
    ["Shared.test", "Jane"],
    ["Refused.test", "Jane"],
    ["Refused.test", "jane"],
    ["Silent.test", "jane"],
  ]) {
    await using call = await startCall([...argv, ...words, "imap"], { env });
    call.write("A1 LOGOUT\r\n");
    await call.readUntil(/^(\* BYE|A1) .*\r\n/m);
    for (const name of readdirSync(rest.XDG_STATE_HOME ?? "", { recursive: true, encoding: "utf8" }))
      made.add(name);
  }
  const kinds = ["run", "refused", "unreachable", "familiar"];
  for (const kind of kinds)
    assert.ok(
      [...made].some((name) => name.includes(`/${kind}/`)),
      `${kind}: ${[...made]}`,
    );
  assert.deepEqual(
    [...made].filter((name) => name !== name.toLowerCase()),
    [],
  );
  // Two users whose names differ in case alone are two.
  assert.equal([...made].filter((name) => name.includes("/refused/")).length, 2);
});

test("dist/preauth.js on darwin, simulated: an encrypted key's hint has the passphrase kept in the keychain", async () => {
  using home = makeHome();
  const key = makeKey(`${home.path}/key`, "ed25519", "secret");
  await using sshd = await startSshd();
  home.writeTable(tableFor(sshd, { identity: key.path, "commands.imap": "true" }));
  const env = { ...home.env, OTHER_SYSTEM: "darwin" };
  await using call = await startCall([...argv, "mail.test", "jane", "imap"], { env });
  call.write("A1 NOOP\r\n");
  assert.equal((await call.finished()).status, 77);
  assert.match(home.log(), /hint: add the key to an agent: ssh-add --apple-use-keychain \S+key$/m);
});

test("dist/preauth.js on darwin, simulated: who calls, and where their home is, is what `id -P` says", async () => {
  using home = makeHome();
  const uid = process.getuid?.() ?? 0;
  const keys = { match: "mail.test", identity: "~/key", ssh_config: "none", "commands.imap": "true" };
  home.write(".config/preauth/hosts.toml", hostTable(keys));
  const line = `jane:********:${uid}:20::0:0:Jane Doe:${home.path}:/bin/zsh`;
  const script = `#!/bin/sh\n[ "$*" = "-P ${uid}" ] && echo "${line}"\n`;
  // No getent, no ssh, and no HOME, as for a job of launchd(8).
  const env = { PATH: dirname(home.write("programs/id", script, 0o755)), OTHER_SYSTEM: "darwin" };
  const { status, output, stderr } = await runCall([...argv, "--explain", "mail.test"], {
    env,
    stdio: "pipes",
  });
  assert.equal(status, 0, `${output}${stderr}`);
  assert.match(output.toString(), new RegExp(`^identities +${home.path}/key `, "m"));
  assert.match(output.toString(), /^user +jane\b/m);
});

for (const system of ["darwin", "freebsd", "netbsd"]) {
  test(`dist/preauth.js on ${system}, simulated: a log that is a symbolic link is called one`, async () => {
    using home = makeHome();
    home.writeTable(hostTable({ match: "mail.test", server: "127.0.0.1", port: 1, ssh_config: "none" }));
    home.write("state/preauth/other", "");
    const log = home.link("state/preauth/log", "other");
    const env = { ...home.env, OTHER_SYSTEM: system };
    const { output } = await runCall([...argv, "--check", "mail.test"], { env, stdio: "pipes" });
    assert.ok(output.toString().includes(`nothing is logged: ${log} is a symbolic link`), output.toString());
  });
}
