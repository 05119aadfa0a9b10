import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, readdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { startAgent } from "../../peers/agent.ts";
import { rshPath } from "../../peers/alpine.ts";
import { describeForms } from "../../peers/binaries.ts";
import { runCall } from "../../peers/call.ts";
import { type Home, makeHome, tableFor } from "../../peers/home.ts";
import { hostKeyName, type Key, makeKey } from "../../peers/keys.ts";
import { program } from "../../peers/programs.ts";
import { type Sshd, startSshd } from "../../peers/sshd.ts";
import { makeTemporary, removeTemporary } from "../../peers/temporary.ts";
import { converse, GREETING, MAIL } from "../calls/client.ts";
import { openWatched } from "../terminal/watched.ts";

let folder: string;
let locked: Key;
let gate: Sshd;
let last: Sshd;
before(async () => {
  folder = makeTemporary();
  locked = makeKey(join(folder, "locked"), "ed25519", "secret");
  gate = await startSshd({ authorized: [locked.line] });
  last = await startSshd();
});
after(async () => {
  await Promise.all([gate.stop(), last.stop()]);
  removeTemporary(folder);
});

describeForms("a host on the way that asks", (form) => {
  const arrange = (home: Home, line: string, share = true, more: readonly string[] = []) => {
    const config = home.write(
      "ssh_config",
      [
        "Host gate",
        ...[`HostName ${gate.host}`, `Port ${gate.port}`, `User ${gate.user}`, `IdentityFile ${locked.path}`],
        ...["IdentitiesOnly yes", `UserKnownHostsFile ${gate.knownHosts}`, "GlobalKnownHostsFile none"],
        ...[`ControlPath ${home.path}/control`, ...more],
        ...[`Host ${last.host}`, line, ""],
      ].join("\n"),
    );
    const command = { "commands.imap": `cat '${home.write("said", GREETING)}'` };
    home.writeTable(tableFor(last, { ssh_config: config, on_failure: "tell", share, ...command }));
    return config;
  };
  const call = async (home: Home) =>
    String((await converse([...form.argv, ...MAIL], { env: home.env })).output);

  for (const share of [false, true]) {
    test(`may do so under --login, and leaves nothing behind: share = ${share}`, async () => {
      using home = makeHome();
      arrange(home, "ProxyJump gate", share);
      await using terminal = await openWatched([...form.argv, "--login", "mail.test"], home);
      await terminal.waitFor(/Enter passphrase for key '.*locked':\s*$/, "the question about the gate");
      terminal.type("secret\n");
      await terminal.waitFor(/^logged in to mail\.test|^the connection is kept/m, "the login");
      assert.doesNotMatch(terminal.screen(), /secret/);
      assert.deepEqual(
        readdirSync(join(home.path, "run")).filter((name) => name.startsWith("preauth-ask")),
        [],
      );
      if (share) assert.equal(await call(home), GREETING);
    });
  }

  test("is asked about in no directory in which others could put a program of theirs", async () => {
    using home = makeHome();
    arrange(home, "ProxyJump gate", false);
    home.write("others/deeper/file", "");
    for (const name of ["others", "others/deeper"]) chmodSync(join(home.path, name), 0o777);
    const { XDG_RUNTIME_DIR: _, ...env } = home.env;
    for (const TMPDIR of [".", join(home.path, "others"), join(home.path, "others/deeper")]) {
      await using terminal = await openWatched([...form.argv, "--login", "mail.test"], home, {
        ...env,
        TMPDIR,
      });
      await terminal.waitFor(/Enter passphrase for key '.*locked':\s*$/, "the question about the gate");
      const asking = readdirSync(home.path, { recursive: true, encoding: "utf8" }).concat(readdirSync("."));
      assert.deepEqual(
        asking.filter((name) => /preauth-ask-/.test(name)),
        [],
      );
      terminal.keys("C-c");
      assert.equal(await terminal.ended(), 130);
    }
  });

  test("is looked at, and let in by an agent and by --login, with the lines that the hints have", async () => {
    using home = makeHome();
    arrange(home, "ProxyJump gate", true);
    rshPath(home, form.argv);
    const check = [...form.argv, "--check", "mail.test"];
    const { status, stderr } = await runCall(check, { env: home.env, stdio: "pipes" });
    assert.equal(status, 77);
    const line = (about: RegExp) => about.exec(stderr)?.[1] ?? assert.fail(stderr);
    const looked = line(/^preauth: hint: see what keeps you out of that host: (.*)$/m);
    const byHand = spawnSync("/bin/sh", ["-c", looked.replace("ssh ", "ssh -o BatchMode=yes ")], {
      env: home.env,
      encoding: "utf8",
    });
    assert.match(byHand.stderr, /Permission denied \(/);

    await using agent = await startAgent();
    const askpass = home.write("askpass", "#!/bin/sh\necho secret\n", 0o700);
    const env = { ...home.env, SSH_AUTH_SOCK: agent.socket };
    const add = line(/^preauth: hint: a key with a passphrase must be in an agent: (ssh-add .*)$/m);
    execFileSync("/bin/sh", ["-c", add], {
      env: { ...env, SSH_ASKPASS: askpass, SSH_ASKPASS_REQUIRE: "force" },
      stdio: "ignore",
    });
    assert.match((await runCall(check, { env, stdio: "pipes" })).output.toString(), /^authentication .*\n/m);

    const login = line(/^preauth: hint: log in on a terminal, where that host can ask too: (.*)$/m);
    const words = ["/bin/sh", "-c", `PATH='${home.path}':$PATH; ${login}`];
    await using terminal = await openWatched(words, home);
    await terminal.waitFor(/Enter passphrase for key '.*locked':\s*$/, "the question about the gate");
    terminal.type("secret\n");
    await terminal.waitFor(/^the connection is kept/m, "the login");
  });

  for (const [what, more] of [
    ["a path", (socket: string) => `IdentityAgent "${socket}"`],
    ["a variable", () => "IdentityAgent $MY_AGENT"],
    ["a path with a token", (socket: string) => `IdentityAgent ${socket}%%`],
  ] as const) {
    test(`is let in by the agent that its IdentityAgent names, once the hint is typed: ${what}`, async () => {
      using home = makeHome();
      await using agent = await startAgent();
      await using other = await startAgent();
      symlinkSync(agent.socket, `${agent.socket}%`);
      arrange(home, "ProxyJump gate", false, [more(agent.socket)]);
      const env = { ...home.env, SSH_AUTH_SOCK: other.socket, MY_AGENT: agent.socket };
      const mail = async () => String((await converse([...form.argv, ...MAIL], { env })).output);
      assert.match(await mail(), /Permission denied/);
      const [, add = ""] = /hint: a key with a passphrase must be in an agent: (.*)$/m.exec(home.log()) ?? [];
      const askpass = home.write("askpass", "#!/bin/sh\necho secret\n", 0o700);
      execFileSync("/bin/sh", ["-c", add], {
        env: { ...env, SSH_ASKPASS: askpass, SSH_ASKPASS_REQUIRE: "force" },
        stdio: "ignore",
      });
      assert.equal(await mail(), GREETING);
    });
  }

  test("is told of an IdentityAgent that turns every agent off, and of a key for other hosts only", async () => {
    using home = makeHome();
    await using agent = await startAgent();
    const env = { ...home.env, SSH_AUTH_SOCK: agent.socket };
    const askpass = home.write("askpass", "#!/bin/sh\necho secret\n", 0o700);
    const asking = { ...env, SSH_ASKPASS: askpass, SSH_ASKPASS_REQUIRE: "force" };
    const elsewhere = ["-q", "-H", last.knownHosts, "-h", hostKeyName(last.host, last.port), locked.path];
    execFileSync(program("ssh-add"), elsewhere, { env: asking });
    const mail = async () => String((await converse([...form.argv, ...MAIL], { env })).output);
    arrange(home, "ProxyJump gate", false, ["IdentityAgent none"]);
    assert.match(await mail(), /Permission denied/);
    const [, add = "", then] = /in an agent: (.*), and (leave .*)$/m.exec(home.log()) ?? [];
    assert.equal(then, "leave IdentityAgent out of ssh_config for that host");
    arrange(home, "ProxyJump gate", false);
    assert.match(await mail(), /Permission denied/);
    execFileSync("/bin/sh", ["-c", add], { env: asking, stdio: "ignore" });
    assert.equal(await mail(), GREETING);
  });

  test("keeps a mail call out, and the ways that the log names lead in", async () => {
    using home = makeHome();
    arrange(home, "ProxyJump gate");
    assert.match(await call(home), /the ProxyCommand ended with .*Permission denied/);
    assert.match(home.log(), /hint: log in on a terminal, .*: preauth --login mail\.test$/m);
    const [, line = ""] =
      /hint: or log in to that host .*, and write: (ProxyCommand .*)$/m.exec(home.log()) ?? [];
    const config = arrange(home, line);
    await using agent = await startAgent();
    const askpass = home.write("askpass", "#!/bin/sh\necho secret\n", 0o700);
    const env = { ...home.env, SSH_AUTH_SOCK: agent.socket };
    const asking = { ...env, SSH_ASKPASS: askpass, SSH_ASKPASS_REQUIRE: "force" };
    execFileSync(program("ssh-add"), ["-q", locked.path], { env: asking });
    const ssh = (...words: string[]) =>
      execFileSync(program("ssh"), ["-F", config, ...words, "gate"], { env, stdio: "ignore" });
    ssh("-M", "-N", "-f");
    try {
      assert.equal(await call(home), GREETING);
    } finally {
      ssh("-O", "exit");
    }
  });
});
