import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { describeForms, type Form } from "../../peers/binaries.ts";
import { runCall } from "../../peers/call.ts";
import { type Mailbox, makeMailbox } from "../../peers/dovecot.ts";
import { skipWithoutDropbear, startDropbear } from "../../peers/dropbear.ts";
import { type Home, type HostLines, hostTable, makeHome } from "../../peers/home.ts";
import { makeKey } from "../../peers/keys.ts";
import { program } from "../../peers/programs.ts";
import { recentSshd, skipWithoutRecentSshd } from "../../peers/recent_sshd.ts";
import { skipUnlessRoot } from "../../peers/rights.ts";
import { type Sshd, type SshdOptions, startSshd } from "../../peers/sshd.ts";
import { openTerminal, type Terminal } from "../../peers/terminal.ts";
import { freePort } from "../../unit/forwards/fixtures.ts";

let mailbox: Mailbox;

before(() => {
  mailbox = makeMailbox();
});

after(() => mailbox[Symbol.dispose]());

const TIMEOUT = { timeout: 120_000 };

/** An account that somebody can log in to with a key of ssh_config, and its place in a table with comments. */
interface Scene extends AsyncDisposable {
  readonly sshd: Sshd;
  readonly home: Home;
  readonly table: string;
  /** authorized_keys of the account. */
  readonly keys: string;
}

async function sceneFor(options: SshdOptions = {}, keys: HostLines = {}, forwards = ""): Promise<Scene> {
  const sshd = await startSshd({ keysAtHome: true, ...options });
  const home = makeHome();
  const config = home.write("ssh_config", `IdentityFile ${sshd.identity}\nIdentitiesOnly yes\n`);
  const host = hostTable({
    ...{ match: "work", server: sshd.host, port: sshd.port, user: sshd.user },
    ...{ known_hosts: sshd.knownHosts, ssh_config: config, "commands.imap": mailbox.command },
    ...keys,
  });
  const table = `# my hosts   \n${host.replace("\nserver", " # where the mail is\nserver")}${forwards}`;
  home.writeTable(table, 0o640);
  const dispose = async (): Promise<void> => {
    await sshd.stop();
    home[Symbol.dispose]();
  };
  const file = join(sshd.home, ".ssh/authorized_keys");
  return { sshd, home, table, keys: file, [Symbol.asyncDispose]: dispose };
}

function start(form: Form, { home }: Scene, columns = 100): Promise<Terminal> {
  return openTerminal([...form.argv, "--authorize", "work"], { env: home.env, columns, rows: 80 });
}

function answer(terminal: Terminal, text: string): void {
  terminal.type(text);
  terminal.keys("Enter");
}

/** Answers as far as the question whether the line is to be installed. */
async function untilLine(terminal: Terminal): Promise<string> {
  await terminal.waitFor(/the key for mail alone \[~\/\.ssh\/id_mail_work\]:/, "the key's question");
  answer(terminal, "");
  await terminal.waitFor(/a passphrase for it \(empty for none\):/, "the passphrase's question");
  answer(terminal, "");
  return terminal.waitFor(/install it on work \[yes\]:/, "the line");
}

/** The same with the yes, and the exit status. */
async function installed(terminal: Terminal): Promise<number> {
  await untilLine(terminal);
  answer(terminal, "yes");
  return terminal.ended(60_000);
}

/** Every file below a folder, with its text and mode. */
function filesIn(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .sort()
    .map((name) => [name, statSync(join(folder, name))] as const)
    .map(([name, found]) => {
      const text = found.isFile() ? readFileSync(join(folder, name), "utf8") : "";
      return `${name} ${(found.mode & 0o777).toString(8)} ${text}`;
    });
}

/** What of a home the verb is about: not the log. */
function state({ home, sshd }: Scene): readonly string[] {
  const ssh = join(home.path, ".ssh");
  return [
    ...filesIn(join(home.path, "config")),
    ...filesIn(join(sshd.home, ".ssh")),
    ...(existsSync(ssh) ? filesIn(ssh) : []),
  ];
}

/** A mail call with what the table says now, to its greeting and its answer. */
async function mailCall(form: Form, { home, sshd }: Scene, method = "imap", input = "a LOGOUT\r\n") {
  const argv = [...form.argv, "work", sshd.user, method];
  const { output, stderr } = await runCall(argv, { env: home.env, stdio: "pipes", input });
  return output.toString() + stderr;
}

const REFUSED = [
  "a shell",
  "another command",
  "a command in front of that of imap",
  "port 127.0.0.1:22, which is not listed",
  "listening at a port on the server",
  "agent forwarding",
  "X11 forwarding",
  "a terminal (pty)",
]
  .map((what) => `refused  ${what}\n`)
  .join("");

const RECENT = recentSshd();

describeForms("--authorize on a terminal", { concurrency: 2 }, (form) => {
  for (const [name, options] of [
    ["the sshd of the system", {}],
    ["a later one", RECENT === undefined ? {} : { program: RECENT }],
  ] as const) {
    const skip = name === "a later one" && skipWithoutRecentSshd();
    test(`makes a key that opens the mailbox and nothing else, with ${name}`, {
      ...TIMEOUT,
      skip,
    }, async () => {
      await using scene = await sceneFor(options);
      const { home, keys, table } = scene;
      const had = readFileSync(keys, "utf8");
      chmodSync(keys, 0o640);
      const before = state(scene);
      await using terminal = await start(form, scene);
      const shown = await untilLine(terminal);
      assert.match(shown, /^restrict,command="exec \/bin\/sh -c /m);
      assert.match(shown, /^\+identity = "~\/\.ssh\/id_mail_work"$/m);
      assert.deepEqual(
        state(scene).filter((line) => !/^id_mail_work\.new/.test(line)),
        before,
        "nothing before the yes",
      );
      answer(terminal, "yes");
      assert.equal(await terminal.ended(), 0, terminal.screen());
      assert.ok(terminal.screen().includes(`${REFUSED}opens    INBOX (3 messages)\n`), terminal.screen());
      const line = /^restrict,command="exec .*" ssh-ed25519 \S+ mail alone, by preauth$/;
      const written = readFileSync(keys, "utf8");
      assert.equal(written.slice(0, had.length), had);
      assert.match(written.slice(had.length).trimEnd(), line);
      assert.equal(statSync(keys).mode & 0o777, 0o640);
      assert.equal(readFileSync(`${keys}.before-preauth`, "utf8"), had);
      assert.deepEqual(readdirSync(join(keys, "..")), ["authorized_keys", "authorized_keys.before-preauth"]);
      const ssh = join(home.path, ".ssh");
      assert.deepEqual(readdirSync(ssh), ["id_mail_work", "id_mail_work.pub"]);
      assert.deepEqual(
        [statSync(ssh).mode & 0o777, statSync(join(ssh, "id_mail_work")).mode & 0o777],
        [0o700, 0o600],
      );
      const named = table.replace(/\nuser = .*\n/, '$&identity = "~/.ssh/id_mail_work"\n');
      assert.equal(readFileSync(home.tableFile, "utf8"), named);
      assert.equal(statSync(home.tableFile).mode & 0o777, 0o640);
      assert.match(await mailCall(form, scene), /PREAUTH[\s\S]*a OK/);

      const after = state(scene);
      await using again = await start(form, scene);
      await again.waitFor(/the key for mail alone/, "the key's question");
      answer(again, "");
      assert.equal(await again.ended(), 0, again.screen());
      assert.match(again.screen(), /it is there already/);
      assert.match(again.screen(), /opens {4}INBOX/);
      assert.deepEqual(state(scene), after, "a second time changes nothing");
    });
  }

  test("serves each METHOD of the table, and the ports of its forwards", TIMEOUT, async () => {
    const listener = await startSshd();
    const port = await freePort();
    const forward = `\n[[forward]]\nname = "smtp"\nlisten = ${port}\nto = "127.0.0.1:${listener.port}"\n`;
    const smtp = `exec /bin/sh -c 'read line; echo "220 its $line!"'`;
    const commands = { "commands.smtp": "", "commands.news": "exec /bin/cat" };
    await using scene = await sceneFor({}, commands, forward);
    scene.home.writeTable(
      readFileSync(scene.home.tableFile, "utf8").replace(
        'commands.smtp = ""',
        `commands.smtp = ${JSON.stringify(smtp)}`,
      ),
    );
    await using terminal = await start(form, scene, 120);
    assert.equal(await installed(terminal), 0, terminal.screen());
    assert.ok(terminal.screen().includes(REFUSED), terminal.screen());
    assert.match(terminal.screen(), /AllowStreamLocalForwarding\s+no/);
    const line = readFileSync(scene.keys, "utf8").split("\n")[1] ?? "";
    assert.match(line, new RegExp(`^restrict,port-forwarding,permitopen="127.0.0.1:${listener.port}",`));
    assert.match(await mailCall(form, scene, "news", "what comes back"), /^what comes back$/);
    assert.match(await mailCall(form, scene, "smtp", "me\n"), /^220 its me!/);
    const { output } = await runCall([...form.argv, "--check", "work"], {
      env: scene.home.env,
      stdio: "pipes",
    });
    assert.match(output.toString(), /through work: .*SSH-2\.0/);
    await listener.stop();
  });

  test(
    "says what a server allows that restricts nothing, and leaves the table alone: 69",
    TIMEOUT,
    async () => {
      using other = makeHome();
      const key = makeKey(other.write("id", "").replace(/id$/, "wide"));
      const wide = other.write("keys", `${key.line}\n`);
      await using scene = await sceneFor({
        // sshd grants X11 where there is an xauth(1), which it runs with a session alone (session.c).
        config: [
          ...[`AuthorizedKeysFile ${wide} %h/nothing`, "X11Forwarding yes"],
          `XAuthLocation ${program("true")}`,
        ],
      });
      writeFileSync(wide, `${readFileSync(`${scene.sshd.identity}.pub`, "utf8")}${key.line}\n`);
      const { home, table } = scene;
      await using terminal = await start(form, scene);
      await terminal.waitFor(/the key for mail alone/, "the key's question");
      answer(terminal, key.path);
      await terminal.waitFor(/install it on work \[yes\]:/, "the line");
      answer(terminal, "");
      assert.equal(await terminal.ended(), 69, terminal.screen());
      const screen = terminal.screen();
      assert.match(screen, /^ALLOWED {2}a shell: the server ran echo /m);
      assert.match(screen, /^ALLOWED {2}another command: /m);
      assert.match(screen, /^ALLOWED {2}port 127\.0\.0\.1:22, which is not listed: the server /m);
      assert.match(screen, /^ALLOWED {2}listening at a port on the server: the server granted it$/m);
      assert.match(screen, /^ALLOWED {2}agent forwarding: the server granted it$/m);
      assert.match(screen, /^ALLOWED {2}X11 forwarding: the server granted it$/m);
      assert.match(screen, /^ALLOWED {2}a terminal \(pty\): the server granted it$/m);
      assert.doesNotMatch(screen, /^refused/m);
      assert.match(screen, /^opens {4}INBOX/m);
      assert.match(screen, /the table does not name the key; it is \S+wide, and its line is in/);
      assert.match(screen, /the key does not open mail and nothing else/);
      assert.equal(readFileSync(home.tableFile, "utf8"), table);
    },
  );

  test("names what is allowed, and that alone, where sshd allows a part of it: 69", TIMEOUT, async () => {
    using other = makeHome();
    const key = makeKey(other.write("id", "").replace(/id$/, "partly"));
    const partly = other.write("keys", "");
    const places = [`AuthorizedKeysFile ${partly} %h/nothing`, "X11Forwarding yes"];
    await using scene = await sceneFor({ config: [...places, `XAuthLocation ${program("true")}`] });
    const own = readFileSync(`${scene.sshd.identity}.pub`, "utf8");
    for (const [options, allowed] of [
      ["X11-forwarding,pty", ["X11 forwarding", "a terminal (pty)"]],
      ["port-forwarding", ["port 127.0.0.1:22, which is not listed", "listening at a port on the server"]],
    ] as const) {
      writeFileSync(partly, `${own}restrict,${options},command="${mailbox.command}" ${key.line}\n`);
      await using terminal = await start(form, scene, 200);
      await terminal.waitFor(/the key for mail alone/, "the key's question");
      answer(terminal, key.path);
      await terminal.waitFor(/install it|it is there already/, "the line");
      answer(terminal, "");
      assert.equal(await terminal.ended(), 69, terminal.screen());
      const found = [...terminal.screen().matchAll(/^ALLOWED {2}(.*?): the server /gm)].map(
        ([, what]) => what,
      );
      assert.deepEqual(found, allowed, terminal.screen());
      assert.equal(terminal.screen().match(/^refused /gm)?.length, 8 - allowed.length);
    }
  });

  test("says that sshd reads another file, where the key does not let in: 77", TIMEOUT, async () => {
    await using scene = await sceneFor({ keysAtHome: false });
    const { home, table } = scene;
    await using terminal = await start(form, scene);
    assert.equal(await installed(terminal), 77, terminal.screen());
    const screen = terminal.screen().replace(/\n */g, " ");
    assert.match(screen, /the server refuses the key, though its line is in/);
    assert.match(screen, /sshd may read another file: .*authorizedkeysfile in sshd -T/);
    assert.equal(readFileSync(home.tableFile, "utf8"), table);
  });

  test("leaves everything as it was at a no, and at Ctrl-C at each question", TIMEOUT, async () => {
    await using scene = await sceneFor();
    const before = state(scene);
    const { home } = scene;
    for (const steps of ["key", "passphrase", "again", "line", "no"]) {
      await using terminal = await start(form, scene);
      await terminal.waitFor(/the key for mail alone/, "the key's question");
      if (steps !== "key") {
        answer(terminal, "");
        await terminal.waitFor(/a passphrase for it/, "the passphrase's question");
      }
      if (steps === "again") {
        answer(terminal, "secret");
        await terminal.waitFor(/the same again/, "the second one");
      }
      if (steps === "line" || steps === "no") {
        answer(terminal, "");
        await terminal.waitFor(/install it/, "the last question");
      }
      if (steps === "no") answer(terminal, "no");
      else terminal.keys("C-c");
      assert.equal(await terminal.ended(), steps === "no" ? 0 : 130, steps);
      const left = join(home.path, ".ssh");
      assert.deepEqual(existsSync(left) ? readdirSync(left) : [], [], steps);
      assert.deepEqual(state(scene), before, steps);
    }
  });

  test(
    "takes a passphrase, replaces the old line of the key, and keeps the table's link",
    TIMEOUT,
    async () => {
      await using scene = await sceneFor();
      const { home, keys, table } = scene;
      mkdirSync(join(home.path, "dotfiles"), { mode: 0o700 });
      renameSync(home.tableFile, join(home.path, "dotfiles/table.toml"));
      home.link("config/preauth/hosts.toml", "../../dotfiles/table.toml");
      const config = readFileSync(join(home.path, "ssh_config"), "utf8");
      home.write("ssh_config", `${config}IdentityAgent ${home.path}/agent\n`);
      await using terminal = await start(form, scene, 40);
      await terminal.waitFor(/the key for mail alone/, "the key's question");
      answer(terminal, "");
      const question = async (pattern: string, count: number, text: string): Promise<void> => {
        await terminal.waitFor(new RegExp(`(${pattern}[^]*){${count}}$`), `question ${count}`);
        answer(terminal, text);
      };
      await question("a passphrase for it .empty for none.:", 1, "one");
      await question("the same again:", 1, "other");
      await question("a passphrase for it .empty for none.:", 2, "fish and chips");
      await question("the same again:", 2, "fish and chips");
      await terminal.waitFor(/install it on work \[yes\]:/, "the line");
      answer(terminal, "");
      assert.equal(await terminal.ended(), 0, terminal.screen());
      assert.doesNotMatch(terminal.screen(), /chips/);
      const said = terminal.screen().replace(/\s/g, "");
      assert.ok(said.includes(`SSH_AUTH_SOCK=${home.path}/agentssh-add`), terminal.screen());
      assert.equal(lstatSync(home.tableFile).isSymbolicLink(), true);
      assert.notEqual(readFileSync(join(home.path, "dotfiles/table.toml"), "utf8"), table);
      const key = join(home.path, ".ssh/id_mail_work");
      execFileSync(program("ssh-keygen"), ["-y", "-P", "fish and chips", "-f", key]);

      const blob = readFileSync(`${key}.pub`, "utf8").split(" ")[1] ?? "";
      const others = readFileSync(keys, "utf8").split("\n").slice(0, 1).join("\n");
      writeFileSync(
        keys,
        `# mine\n# ssh-ed25519 ${blob}\nssh-ed25519 ${blob} old\n${others}\nno-pty ssh-ed25519 ${blob}`,
      );
      await using again = await start(form, scene);
      await again.waitFor(/the key for mail alone/, "the key's question");
      answer(again, "");
      const shown = await again.waitFor(/install it on work \[no\]:/, "the line");
      assert.match(shown, /in place of/);
      assert.match(shown, /this key opens a shell on the server now/);
      answer(again, "yes");
      await again.waitFor(/Enter passphrase for key/, "the passphrase");
      answer(again, "fish and chips");
      assert.equal(await again.ended(), 0, again.screen());
      const [mine, comment, line, ...rest] = readFileSync(keys, "utf8").split("\n");
      assert.deepEqual([mine, comment, ...rest], ["# mine", `# ssh-ed25519 ${blob}`, others, ""]);
      assert.match(line ?? "", /^restrict,command=/);

      writeFileSync(home.tableFile, table);
      const installedKeys = readFileSync(keys, "utf8");
      await using left = await start(form, scene);
      await left.waitFor(/the key for mail alone/, "the key's question");
      answer(left, "");
      await left.waitFor(/Enter passphrase for key/, "the passphrase");
      left.keys("C-c");
      assert.equal(await left.ended(), 130, left.screen());
      assert.match(
        left.screen(),
        /the table does not name the key; it is ~\/\.ssh\/id_mail_work, and its line/,
      );
      assert.equal(readFileSync(home.tableFile, "utf8"), table);
      assert.equal(readFileSync(keys, "utf8"), installedKeys);
    },
  );

  for (const [title, mount, code] of [
    ["a home that cannot be written", "remount,ro", /Read-only file system/],
    ["a disk that is full", "remount,size=4k", /No space left on device/],
  ] as const) {
    test(`leaves ${title} on the server as it was, and says so: 69`, {
      ...TIMEOUT,
      skip: skipUnlessRoot,
    }, async () => {
      await using scene = await sceneFor();
      const { home, keys, table, sshd } = scene;
      const folder = join(sshd.home, ".ssh");
      const text = readFileSync(keys, "utf8");
      execFileSync(program("mount"), ["-t", "tmpfs", "-o", "size=64k", "t", folder]);
      try {
        writeFileSync(keys, text, { mode: 0o600 });
        execFileSync(program("mount"), ["-o", mount, folder]);
        await using terminal = await start(form, scene);
        assert.equal(await installed(terminal), 69, terminal.screen());
        assert.match(terminal.screen(), code);
        assert.deepEqual(readdirSync(folder), ["authorized_keys"]);
        assert.equal(readFileSync(keys, "utf8"), text);
        assert.equal(readFileSync(home.tableFile, "utf8"), table);
        assert.deepEqual(readdirSync(join(home.path, ".ssh")), []);
      } finally {
        execFileSync(program("umount"), ["-l", folder]);
      }
    });
  }
  test(
    "leaves a table that has changed meanwhile: 78, and a second time names the key",
    TIMEOUT,
    async () => {
      await using scene = await sceneFor();
      const { home, table } = scene;
      await using terminal = await start(form, scene);
      await untilLine(terminal);
      writeFileSync(home.tableFile, `${table}# of an editor\n`);
      answer(terminal, "");
      assert.equal(await terminal.ended(), 78, terminal.screen());
      assert.match(terminal.screen(), /has changed; nothing has been written/);
      assert.match(terminal.screen(), /hint: run the same command again/);
      assert.equal(readFileSync(home.tableFile, "utf8"), `${table}# of an editor\n`);
      await using again = await start(form, scene);
      await again.waitFor(/the key for mail alone/, "the key's question");
      answer(again, "");
      assert.equal(await again.ended(), 0, again.screen());
      assert.match(readFileSync(home.tableFile, "utf8"), /^identity = [\s\S]*# of an editor\n$/m);
    },
  );

  test("says what stands where the table cannot be written at the end: 78", {
    ...TIMEOUT,
    skip: skipUnlessRoot,
  }, async () => {
    await using scene = await sceneFor();
    const { home, table } = scene;
    const folder = join(home.tableFile, "..");
    execFileSync(program("mount"), ["-t", "tmpfs", "-o", "size=64k,mode=700", "t", folder]);
    try {
      home.writeTable(table);
      execFileSync(program("mount"), ["-o", "remount,ro", folder]);
      await using terminal = await start(form, scene);
      assert.equal(await installed(terminal), 78, terminal.screen());
      const screen = terminal.screen().replace(/\n {2}/g, " ");
      assert.match(screen, /^opens {4}INBOX[\s\S]*hosts\.toml: cannot be written \(EROFS\)$/m);
      assert.match(
        screen,
        /^preauth: hint: or write into its \[\[host\]\]:\s+identity = "~\/\.ssh\/id_mail_work"$/m,
      );
      assert.match(screen, /does not name the key; it is ~\/\.ssh\/id_mail_work, and its line is in/);
      assert.deepEqual(readdirSync(folder), ["hosts.toml"]);
      assert.equal(readFileSync(home.tableFile, "utf8"), table);
    } finally {
      execFileSync(program("umount"), ["-l", folder]);
    }
    // Then it can.
    home.writeTable(table);
    await using again = await start(form, scene);
    await again.waitFor(/the key for mail alone/, "the key's question");
    answer(again, "");
    assert.equal(await again.ended(), 0, again.screen());
    assert.match(readFileSync(home.tableFile, "utf8"), /^identity = "~\/\.ssh\/id_mail_work"$/m);
  });

  for (const [title, mount, exit, said] of [
    ["cannot be written: 78", "remount,ro", 78, /id_mail_work: cannot be written \(EROFS\)/],
    ["has no space left: 69", "remount,size=4k", 69, /ssh-keygen: .*No\s+space\s+left/s],
  ] as const) {
    test(`leaves both accounts as they were where ~/.ssh here ${title}`, {
      ...TIMEOUT,
      skip: skipUnlessRoot,
    }, async () => {
      await using scene = await sceneFor();
      const folder = join(scene.home.path, ".ssh");
      mkdirSync(folder, { mode: 0o700 });
      execFileSync(program("mount"), ["-t", "tmpfs", "-o", "size=64k,mode=700", "t", folder]);
      try {
        writeFileSync(join(folder, "config"), "# mine\n");
        execFileSync(program("mount"), ["-o", mount, folder]);
        const before = state(scene);
        await using terminal = await start(form, scene);
        await terminal.waitFor(/the key for mail alone/, "the key's question");
        answer(terminal, "");
        await terminal.waitFor(/a passphrase for it/, "the passphrase's question");
        answer(terminal, "");
        assert.equal(await terminal.ended(), exit, terminal.screen());
        assert.match(terminal.screen(), said);
        assert.deepEqual(state(scene), before);
      } finally {
        execFileSync(program("umount"), ["-l", folder]);
      }
    });
  }
});

describeForms("--authorize with dropbear", { concurrency: 2 }, (form) => {
  for (const isForwarding of [false, true]) {
    const title = isForwarding
      ? "says that it cannot keep a key with forwards from listening: 69"
      : "makes a key that opens the mailbox and nothing else";
    test(title, { ...TIMEOUT, skip: skipWithoutDropbear() }, async () => {
      await using dropbear = await startDropbear();
      using home = makeHome();
      const config = home.write("ssh_config", `IdentityFile ${dropbear.identity}\nIdentitiesOnly yes\n`);
      const port = await freePort();
      const forward = `\n[[forward]]\nname = "smtp"\nlisten = ${port}\nto = "127.0.0.1:25"\n`;
      home.writeTable(
        hostTable({
          ...{ match: "work", server: dropbear.host, port: dropbear.port, user: dropbear.user },
          ...{ known_hosts: dropbear.knownHosts, ssh_config: config, "commands.imap": mailbox.command },
        }) + (isForwarding ? forward : ""),
      );
      const argv = [...form.argv, "--authorize", "work"];
      await using terminal = await openTerminal(argv, { env: home.env, columns: 100, rows: 80 });
      assert.equal(await installed(terminal), isForwarding ? 69 : 0, terminal.screen());
      const screen = terminal.screen();
      if (isForwarding) {
        assert.match(
          screen,
          /^no-agent-forwarding,no-X11-forwarding,no-pty,permitopen="127\.0\.0\.1:25",command/m,
        );
        assert.match(screen, /^ALLOWED {2}listening at a port on the server/m);
        assert.equal(screen.match(/^refused /gm)?.length, 7, screen);
        assert.match(screen, /dropbear restricts less/);
      } else {
        assert.ok(screen.includes(REFUSED), screen);
      }
      assert.match(screen, /^opens {4}INBOX \(3 messages\)$/m);
    });
  }
});

describeForms("--authorize without a terminal", { concurrency: 2 }, (form) => {
  const run = async (home: Home, words: readonly string[]) => {
    const argv = [...form.argv, "--authorize", ...words];
    const { status, output, stderr } = await runCall(argv, { env: home.env, stdio: "pipes" });
    return { status, text: output.toString(), stderr };
  };

  test("prints the line of the key that is there, and nothing else; --print does, too", async () => {
    using home = makeHome();
    home.writeTable(
      hostTable({
        match: "work",
        server: "no.such.test",
        user: "jane",
        "commands.smtp": "exec /bin/smtpd -x",
      }),
    );
    const none = await run(home, ["work"]);
    assert.equal(none.status, 64);
    assert.match(none.stderr, /no key for mail exists yet/);
    home.write(".ssh/id_mail_work.pub", "ssh-ed25519 AAAAC3Nz mine\n");
    const { status, text, stderr } = await run(home, ["work"]);
    assert.equal(status, 0);
    assert.match(
      text,
      /^restrict,command="exec \/bin\/sh -c 'case .*\(smtp\|exec\?\/bin\/smtpd\?-x\) exec \/bin\/smtpd -x;; .*" ssh-ed25519 AAAAC3Nz mine\n$/,
    );
    assert.match(stderr, /this line goes into ~\/\.ssh\/authorized_keys on no\.such\.test/);
    assert.deepEqual(await run(home, ["--print", "work", "jane"]), { status, text, stderr });
  });

  test("opens no account to a key that somebody else could have put there: 78", async () => {
    using home = makeHome();
    home.writeTable(hostTable({ match: "work", server: "no.such.test", user: "jane" }));
    const file = home.write(".ssh/id_mail_work.pub", "ssh-ed25519 AAAAC3Nz mallory\n");
    const folder = join(home.path, ".ssh");
    for (const [path, mode, what] of [
      [folder, 0o777, `is below ${folder}, which is writable by group or others (mode 0777)`],
      [folder, 0o770, `is below ${folder}, which is writable by group or others (mode 0770)`],
      [file, 0o666, "is writable by group or others (mode 0666)"],
    ] as const) {
      const before = statSync(path).mode;
      chmodSync(path, mode);
      const { status, text, stderr } = await run(home, ["work"]);
      chmodSync(path, before);
      assert.deepEqual([status, text], [78, ""], stderr);
      assert.ok(stderr.includes(`${file}: ${what}`), stderr);
      assert.ok(stderr.includes(`hint: chmod go-w ${path}`), stderr);
    }
    // A new one beside what others can change: its folder could be swapped for one with their key.
    const open = join(home.path, "open");
    mkdirSync(open);
    chmodSync(open, 0o777);
    const argv = [...form.argv, "--authorize", "work"];
    await using terminal = await openTerminal(argv, { env: home.env, columns: 200, rows: 30 });
    await terminal.waitFor(/the key for mail alone/, "the key's question");
    answer(terminal, join(open, "key"));
    await terminal.waitFor(/a passphrase for it/, "the passphrase's question");
    answer(terminal, "");
    assert.equal(await terminal.ended(), 78, terminal.screen());
    assert.match(
      terminal.screen(),
      /key: is below \S+\/open, which is writable by group or others \(mode 0777\)/,
    );
    assert.deepEqual(readdirSync(open), []);
  });

  test("does nothing for a server that the table does not have: 1", async () => {
    using home = makeHome();
    home.writeTable(hostTable({ match: "work" }));
    const { status, stderr } = await run(home, ["play"]);
    assert.equal(status, 1);
    assert.match(stderr, /play: not in the table/);
  });
});
