import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { appendFileSync, chmodSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { startAgent } from "../../peers/agent.ts";
import { rshPath } from "../../peers/alpine.ts";
import { describeForms } from "../../peers/binaries.ts";
import { type Home, type HostLines, makeHome, tableFor } from "../../peers/home.ts";
import { makeKey } from "../../peers/keys.ts";
import { program } from "../../peers/programs.ts";
import { withoutPrivileges } from "../../peers/rights.ts";
import { type Sshd, startSshd } from "../../peers/sshd.ts";
import { openTerminal } from "../../peers/terminal.ts";
import { freePort } from "../../unit/forwards/fixtures.ts";
import { check, keysOf, lineOf, tell, type } from "./hinted.ts";
import { mailbox, sshd } from "./own_server.ts";

/* The hints about keys, and about what the server has against them: each is typed in the state that it is for. */

function write(home: Home, keys: HostLines, to: Sshd = sshd): void {
  home.writeTable(tableFor(to, { match: "work", "commands.imap": mailbox.command, ...keys }));
}

/** A copy of the key that lets in, in the home. */
function ownKey(home: Home, name = "key", to: Sshd = sshd): string {
  const path = home.write(name, readFileSync(to.identity, "utf8"));
  writeFileSync(`${path}.pub`, readFileSync(`${to.identity}.pub`));
  return path;
}

describeForms("hints about a key file", { concurrency: 2 }, (form) => {
  test("make a key of OpenSSH's of one of PuTTY's", async () => {
    using home = makeHome();
    const putty = join(home.path, "my key.ppk");
    execFileSync(program("puttygen"), [ownKey(home), "-O", "private", "-o", putty]);
    write(home, { identity: putty });
    const { status, hints } = await check(form, home);
    assert.equal(status, 77);
    const made = type(form, home, lineOf(hints, /^make one of OpenSSH's/));
    assert.equal(made.status, 0, made.stderr);
    write(home, { identity: `${putty}.openssh` });
    assert.equal((await check(form, home)).status, 0);
  });

  test("close one that is open to others", async () => {
    using home = makeHome();
    const key = ownKey(home, "it's mine");
    chmodSync(key, 0o644);
    write(home, { identity: key });
    const { hints } = await check(form, home);
    assert.equal(type(form, home, lineOf(hints, /^close it/)).status, 0);
    assert.equal((await check(form, home)).status, 0);
  });

  test("show one that cannot be read", async () => {
    using home = makeHome();
    const key = ownKey(home);
    chmodSync(key, 0);
    write(home, { identity: key });
    const bound = { ...form, argv: [...withoutPrivileges(), ...form.argv] };
    const { hints } = await check(bound, home);
    assert.match(type(form, home, lineOf(hints, /^look at it/)).stdout, /^-{10}.* \S+\/key$/m);
    chmodSync(key, 0o600);
    assert.equal((await check(bound, home)).status, 0);
  });

  test("have the private key copied to the place of which only the .pub is there", async () => {
    using home = makeHome();
    const key = ownKey(home);
    renameSync(key, `${key}.elsewhere`);
    write(home, { identity: key });
    const { hints } = await check(form, home);
    assert.match(hints.join("\n"), /^only its \.pub file is there: copy the private key to its place$/m);
    renameSync(`${key}.elsewhere`, key);
    assert.equal((await check(form, home)).status, 0);
  });

  test("have the private key named, or loaded, in place of a public one", async () => {
    using home = makeHome();
    const key = ownKey(home);
    write(home, { identity: `${key}.pub` });
    const { hints } = await check(form, home);
    assert.match(hints.join("\n"), /^name the file of the private key, or load that key into the agent$/m);
    await using agent = await startAgent([key]);
    assert.equal((await check(form, home, { SSH_AUTH_SOCK: agent.socket })).status, 0);
    write(home, { identity: key });
    assert.equal((await check(form, home)).status, 0);
  });

  test("open one by hand whose passphrase was not given", async () => {
    using home = makeHome();
    const locked = makeKey(join(home.path, "locked"), "ed25519", "secret");
    // It is asked for when the server would take the key.
    appendFileSync(join(sshd.home, "../authorized_keys"), `${locked.line}\n`);
    write(home, { identity: locked.path });
    const env = { ...home.env, PATH: `${rshPath(home, form.argv).replace(/\/[^/]*$/, "")}:${home.env.PATH}` };
    await using terminal = await openTerminal([...form.argv, "--login", "work"], { env, columns: 160 });
    for (let count = 1; count <= 3; count++) {
      await terminal.waitFor(new RegExp(`(Enter passphrase[^]*){${count}}$`), "the passphrase's question");
      terminal.type("wrong");
      terminal.keys("Enter");
    }
    const screen = await terminal.waitFor(/hint: try to open it by hand: .*/, "the hint");
    const [, line = ""] = /hint: try to open it by hand: (.*)$/m.exec(screen) ?? [];
    await using hand = await openTerminal(["/bin/sh", "-c", line], { env, columns: 160 });
    await hand.waitFor(/Enter passphrase/, "ssh-keygen's question");
    hand.type("secret");
    hand.keys("Enter");
    await hand.waitFor(/^ssh-ed25519 AAAA/m, "the public key");
  });

  test("take the agent that tmux knows in place of an old one", async () => {
    using home = makeHome();
    write(home, { identity: undefined, ssh_config: home.write("ssh_config", "IdentityFile none\n") });
    const old = await startAgent();
    await using fresh = await startAgent([sshd.identity]);
    const tmux = [program("tmux"), "-f", "/dev/null", "-S", join(home.path, "tmux")];
    const options = { env: { ...home.env, SSH_AUTH_SOCK: old.socket, TERM: "xterm" } };
    const run = (...words: readonly string[]) =>
      spawnSync(tmux[0] ?? "", [...tmux.slice(1), ...words], { ...options, encoding: "utf8" });
    const begun = run("new-session", "-d", "sleep 600");
    assert.equal(begun.status, 0, begun.stderr);
    try {
      // A client that attaches brings its own variables: update-environment of tmux(1).
      assert.equal(run("set-environment", "SSH_AUTH_SOCK", fresh.socket).status, 0);
      await old[Symbol.asyncDispose]();
      const TMUX = run("display-message", "-p", "#{socket_path},#{pid},0").stdout.trim();
      const inside = { SSH_AUTH_SOCK: old.socket, TMUX };
      const { hints } = await check(form, home, inside);
      const line = lineOf(hints, /^take the new one/);
      const mended = type(form, home, `${line}; preauth --check work`, inside);
      assert.equal(mended.status, 0, mended.stdout + mended.stderr);
    } finally {
      run("kill-server");
    }
  });
});

describeForms("hints about what a server wants", { concurrency: 2 }, (form) => {
  test("name one key where there are more than it lets one try", async () => {
    await using strict = await startSshd({ config: ["MaxAuthTries 2"] });
    using home = makeHome();
    const others = ["a", "b", "c"].map((name) => makeKey(join(home.path, name)).path);
    const right = ownKey(home, "d", strict);
    write(home, { identity: [...others, right] }, strict);
    const { status, hints } = await check(form, home);
    assert.equal(status, 77);
    assert.equal(keysOf(hints).identity, "~/.ssh/...");
    write(home, { identity: right }, strict);
    assert.equal((await check(form, home)).status, 0);
  });

  test("make another key where it wants two", async () => {
    await using strict = await startSshd({ config: ["AuthenticationMethods publickey,publickey"] });
    using home = makeHome();
    write(home, {}, strict);
    const { status, hints } = await check(form, home);
    assert.equal(status, 77);
    assert.match(hints.join("\n"), /^the server wants another key: make one, and put its \.pub line below/m);
    const second = makeKey(join(home.path, "second"));
    appendFileSync(join(strict.home, "../authorized_keys"), `${second.line}\n`);
    write(home, { identity: [strict.identity, second.path] }, strict);
    assert.equal((await check(form, home)).status, 0);
  });

  test("allow forwarding to a METHOD that is a port", async () => {
    for (const [options, allowed] of [
      [{ config: ["AllowTcpForwarding no"] }, (hint: string) => hint.match(/AllowTcpForwarding yes/g)],
      [{ keyOptions: "restrict" }, (hint: string) => hint.match(/port-forwarding/g)],
    ] as const) {
      await using barred = await startSshd(options);
      using home = makeHome();
      // Its own port answers, and is no mail server: what matters is that it is reached.
      const line = `commands.imap = { to = "127.0.0.1:${barred.port}", login = "client" }\n`;
      const table = (server: Sshd) => home.writeTable(tableFor(server, { match: "work" }) + line);
      table(barred);
      const { status, stderr, hints } = await check(form, home);
      assert.equal(status, 69);
      assert.match(stderr, /the server does not allow forwarding/);
      const [word = ""] = hints.flatMap((hint) => allowed(hint) ?? []);
      const mended = "config" in options ? { config: [word] } : { keyOptions: `restrict,${word}` };
      await using open = await startSshd(mended);
      table(open);
      assert.doesNotMatch((await check(form, home)).stderr, /does not allow forwarding/);
    }
  });

  for (const share of [false, true]) {
    test(`allow forwarding to a [[forward]] (share = ${share})`, async () => {
      const forward = (server: Sshd, port: number) =>
        `\n[[forward]]\nname = "smtp"\nlisten = ${port}\nto = "127.0.0.1:${server.port}"\n`;
      await using barred = await startSshd({ config: ["AllowTcpForwarding no"] });
      using home = makeHome();
      const port = await freePort();
      const write = (server: Sshd) => {
        const keys = { match: "work", share, persist: "0", "commands.imap": mailbox.command };
        home.writeTable(`${tableFor(server, keys)}${forward(server, port)}`);
      };
      write(barred);
      const { status, hints } = await tell(form, home, ["--forward", "work", "--for", "1s"]);
      assert.equal(status, 69);
      const [word = ""] = /AllowTcpForwarding yes/.exec(hints.join("\n")) ?? [];
      assert.match((await check(form, home)).text, /^ {2}hint: .*AllowTcpForwarding yes/m);
      await using open = await startSshd({ config: [word] });
      write(open);
      assert.doesNotMatch((await check(form, home)).text, /does not allow forwarding/);
    });
  }

  test("mend a file of revoked keys that cannot be read, or leave it out", async () => {
    using home = makeHome();
    const revoked = home.write("revoked", "this is no key\n");
    const ssh_config = home.write("ssh_config", `RevokedHostKeys ${revoked}\n`);
    write(home, { ssh_config });
    const { status, hints } = await check(form, home);
    assert.equal(status, 77);
    assert.match(
      hints.join("\n"),
      new RegExp(`^\\w+ ${revoked}, or .* from RevokedHostKeys in ssh_config`, "m"),
    );
    const other = makeKey(join(home.path, "other"));
    execFileSync(program("ssh-keygen"), ["-q", "-k", "-f", revoked, `${other.path}.pub`]);
    assert.equal((await check(form, home)).status, 0);
    home.write("revoked", "this is no key\n");
    home.write("ssh_config", "");
    assert.equal((await check(form, home)).status, 0);
  });

  test("try at once what the server has refused a moment ago", async () => {
    await using other = await startSshd();
    using home = makeHome();
    const stranger = makeKey(join(home.path, "stranger"));
    write(home, { identity: stranger.path }, other);
    const call = ["work", other.user, "imap"];
    await tell(form, home, call);
    await tell(form, home, call);
    const [, line = ""] = /hint: try at once: (.*)$/m.exec(home.log()) ?? [];
    appendFileSync(join(other.home, "../authorized_keys"), `${stranger.line}\n`);
    const tried = type(form, home, line);
    assert.equal(tried.status, 0, tried.stdout + tried.stderr);
  });
});
