import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { describeForms } from "../../peers/binaries.ts";
import { runCall } from "../../peers/call.ts";
import { type Home, type HostLines, makeHome, tableFor } from "../../peers/home.ts";
import { makeKey } from "../../peers/keys.ts";
import { descendantsOf, signal } from "../../peers/processes.ts";
import { type Sshd, startSshd } from "../../peers/sshd.ts";
import { closingServer, silentServer } from "../../peers/tcp.ts";
import { openWatched } from "./watched.ts";

let sshd: Sshd;

before(async () => {
  // An account whose shell lets nobody in: a login needs none.
  sshd = await startSshd({ shell: "/usr/sbin/nologin", config: ["Banner /etc/hostname"] });
});
after(() => sshd.stop());

/** A home whose table leads "work" to the sshd. */
function homeFor(keys: HostLines = {}): Home {
  const home = makeHome();
  home.writeTable(tableFor(sshd, { match: "work", ...keys }));
  return home;
}

describeForms("--login", (form) => {
  const login = [...form.argv, "--login"];

  for (const [key, ending] of [
    ["C-c", "Ctrl-C"],
    ["C-d", "the end of input"],
  ] as const) {
    test(`shows its steps, holds its connection until ${ending}, and ends well`, async () => {
      using home = homeFor();
      await using terminal = await openWatched([...login, "work"], home);
      const screen = await terminal.waitFor(/press Ctrl-C to end it\n/, "the login");
      assert.match(screen, /^host key +\d+ ms {2}ssh-ed25519\s+SHA256:/m);
      assert.match(screen, /^ {2}the server says: \S/m);
      assert.match(screen, /^authentication +\d+ ms {2}ssh-ed25519\s+SHA256:/m);
      assert.match(screen, new RegExp(`^logged in to work as ${sshd.user}; press Ctrl-C to end it$`, "m"));
      assert.notEqual(sshd.sessions().length, 0);
      terminal.keys(key);
      assert.equal(await terminal.ended(), 0);
      await sshd.idle();
      assert.doesNotMatch(terminal.screen(), /preauth:/);
      const { before, after } = terminal.settings();
      assert.equal(after, before);
    });
  }

  test("tells when the connection is lost: 255", async () => {
    using home = homeFor();
    await using terminal = await openWatched([...login, "work"], home);
    await terminal.waitFor(/press Ctrl-C to end it/, "the login");
    for (const pid of sshd.sessions().flatMap((one) => [one, ...descendantsOf(one)])) signal(pid, "SIGKILL");
    assert.equal(await terminal.ended(), 255);
    assert.match(terminal.screen(), /^preauth: work: connection lost: \S/m);
  });

  for (const [name, status] of [
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ] as const) {
    test(`${name} ends it: ${status}`, async () => {
      using home = homeFor();
      await using terminal = await openWatched([...login, "work"], home);
      await terminal.waitFor(/press Ctrl-C to end it/, "the login");
      signal(terminal.pid(), name);
      assert.equal(await terminal.ended(), status);
      await sshd.idle();
    });
  }

  test("takes a USER as a call does", async () => {
    using home = homeFor({ user: undefined });
    await using terminal = await openWatched([...login, "work", "nobody-of-that-name"], home);
    assert.equal(await terminal.ended(), 77);
    assert.match(terminal.screen(), /^name +\d+ ms {2}nobody-of-that-name@127\.0\.0\.1 port /m);
    assert.match(terminal.screen(), /preauth: work: nobody-of-that-name not let in/);
  });

  test("is refused without a terminal, whatever the table says", async () => {
    using home = makeHome();
    home.writeTable("not a table");
    const { status, stderr, output } = await runCall([...login, "work"], { env: home.env, stdio: "pipes" });
    assert.equal(stderr, "preauth: --login: standard input is not a terminal, so preauth cannot ask\n");
    assert.equal(output.toString(), "");
    assert.equal(status, 64);
  });

  test("is refused in silence where a mail client calls it", async () => {
    using home = homeFor();
    for (const words of [
      ["work", "imap"],
      ["-l", "work", "exec", "/etc/rimapd"],
    ]) {
      const { status, output } = await runCall([...login, ...words], { env: home.env });
      assert.equal(output.toString(), "");
      assert.equal(status, 64);
    }
    assert.equal(home.log(), "");
  });

  test("is refused without a terminal as input, though there is one", async () => {
    using home = homeFor();
    const words = ["/bin/sh", "-c", '"$@" </dev/null', "sh", ...login, "work"];
    await using terminal = await openWatched(words, home);
    assert.equal(await terminal.ended(), 64);
    assert.match(terminal.screen(), /standard input is not a terminal/);
  });

  test("a server that is not in the table: 1", async () => {
    using home = homeFor();
    await using terminal = await openWatched([...login, "elsewhere"], home);
    assert.equal(await terminal.ended(), 1);
    assert.match(terminal.screen(), /^preauth: elsewhere: not in the table \//m);
  });

  test("a server that says nothing ends it at the deadline, and is tried again by the next one", async () => {
    await using silent = await silentServer();
    using home = homeFor({ port: silent.port, deadline: "1s" });
    for (let attempt = 1; attempt <= 2; attempt++) {
      await using terminal = await openWatched([...login, "work"], home);
      assert.equal(await terminal.ended(), 69);
      assert.match(
        terminal.screen(),
        /preauth: work: timed out waiting for the SSH server of work after 1\s+s/,
      );
      assert.doesNotMatch(terminal.screen(), /less than 30 s ago/);
    }
  });

  test("a server that hangs up fails the step", async () => {
    await using closing = await closingServer();
    using home = homeFor({ port: closing.port });
    await using terminal = await openWatched([...login, "work"], home);
    assert.equal(await terminal.ended(), 69);
    assert.match(terminal.screen(), / ms {2}FAILED\npreauth: work: the server closed the connection/);
  });

  test("its words are checked", async () => {
    using home = homeFor();
    for (const words of [[], ["work", "joe", "imap"], ["work", "--force"], ["-oProxyCommand=x"]]) {
      const { status } = await runCall([...login, ...words], { env: home.env, stdio: "pipes" });
      assert.equal(status, 64, words.join(" "));
    }
  });
});

describeForms("a terminal is not asked", (form) => {
  /** A home whose only key is encrypted. */
  const lockedHome = () => {
    const home = makeHome();
    const key = makeKey(`${home.path}/locked`, "ed25519", "swordfish");
    home.writeTable(tableFor(sshd, { match: "work", identity: key.path }));
    return home;
  };

  for (const [what, words] of [
    ["by a mail call", ["work", "jane", "imap"]],
    ["for a passphrase by --check", ["--check", "work"]],
  ] as const) {
    test(`${what}, though a key is encrypted`, async () => {
      using home = lockedHome();
      await using terminal = await openWatched([...form.argv, ...words], home);
      assert.equal(await terminal.ended(), 77);
      const screen = terminal.screen();
      assert.match(screen.replaceAll("\n", ""), /is\s*encrypted/);
      assert.doesNotMatch(screen, /passphrase|password/i);
    });
  }

  test("by a mail client's call from inside a terminal, though a key is encrypted", async () => {
    using home = lockedHome();
    const pipes = 'printf "A1 SELECT INBOX\\r\\n" | "$@" 2>&1 | cat';
    const words = ["/bin/sh", "-c", pipes, "sh", ...form.argv, "work", "jane", "imap"];
    await using terminal = await openWatched(words, home);
    assert.equal(await terminal.ended(), 0);
    const screen = terminal.screen().replaceAll("\n", "");
    assert.match(screen, /^\* PREAUTH .*\* BYE preauth: work: .*A1 NO preauth: work: .*is encrypted/);
    assert.doesNotMatch(screen, /passphrase|password/i);
  });
});
