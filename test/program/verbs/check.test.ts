import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { describeForms, type Form } from "../../peers/binaries.ts";
import { runCall } from "../../peers/call.ts";
import { type Mailbox, makeMailbox } from "../../peers/dovecot.ts";
import { type HostLines, makeHome, tableFor } from "../../peers/home.ts";
import { makeKey } from "../../peers/keys.ts";
import { type Sshd, startSshd } from "../../peers/sshd.ts";
import { refusingPort, silentServer } from "../../peers/tcp.ts";

interface Checked {
  readonly status: number | null;
  readonly lines: readonly string[];
  readonly stderr: string;
}

let sshd: Sshd;
let mailbox: Mailbox;

before(async () => {
  sshd = await startSshd({ config: ["Banner /etc/hostname"] });
  mailbox = makeMailbox();
});

after(async () => {
  await sshd.stop();
  mailbox[Symbol.dispose]();
});

/** Runs `--check work` with a table of one host; `pinerc` is the home's .pinerc. */
async function check(
  form: Form,
  keys: HostLines,
  words: readonly string[] = [],
  pinerc?: string,
): Promise<Checked> {
  using home = makeHome();
  home.writeTable(tableFor(sshd, { match: "work", "commands.imap": mailbox.command, ...keys }));
  if (pinerc !== undefined) home.write(".pinerc", pinerc);
  const argv = [...form.argv, "--check", "work", ...words];
  const { status, output, stderr } = await runCall(argv, { env: home.env, stdio: "pipes" });
  return { status, lines: output.toString().trimEnd().split("\n"), stderr };
}

/** The names of the steps, in their order, and what came of one of them. */
const steps = (lines: readonly string[]): string[] =>
  lines.flatMap((line) => /^(\S.*?) +\d+ ms {2}/.exec(line)?.[1] ?? []);
const outcome = (lines: readonly string[], step: string): string =>
  lines.flatMap((line) => (line.startsWith(`${step} `) ? (/ ms {2}(.*)$/.exec(line)?.[1] ?? []) : []))[0] ??
  "";

describeForms("--check", (form) => {
  test("tells each step of a call that succeeds, with its time and what came of it", async () => {
    const { status, lines, stderr } = await check(form, {});
    assert.deepEqual(steps(lines), [
      "table",
      "name",
      "address",
      "connect",
      "key exchange",
      "host key",
      "authentication",
      "command",
      "greeting",
      "SELECT INBOX",
    ]);
    assert.equal(outcome(lines, "table"), "hosts.toml:1:1");
    assert.equal(outcome(lines, "name"), `${sshd.user}@127.0.0.1 port ${sshd.port}`);
    assert.equal(outcome(lines, "connect"), `127.0.0.1 port ${sshd.port}`);
    assert.match(outcome(lines, "key exchange"), /^curve25519-sha256\S*, aes/);
    assert.match(outcome(lines, "host key"), /^ssh-ed25519 SHA256:\S+ known_hosts:1$/);
    assert.match(outcome(lines, "authentication"), /^ssh-ed25519 SHA256:\S+ from \//);
    assert.match(outcome(lines, "greeting"), /^\* PREAUTH /);
    assert.match(outcome(lines, "SELECT INBOX"), /^OK \[READ-WRITE\].*\(3 messages\)$/);
    assert.ok(
      lines.some((line) => /^greeting after \d+\.\d\d s, in time for Alpine, which waits 15 s$/.test(line)),
    );
    assert.equal(status, 0);
    assert.equal(stderr, "");
  });

  test("draws the steps up to the greeting as bars of time, and says what ssh would have taken", async () => {
    const { lines } = await check(form, {});
    const bars = lines.flatMap((line) => /^(\S.*?) {2,}( *)(#+)$/.exec(line)?.slice(1) ?? []);
    const drawn = bars.filter((_part, index) => index % 3 === 0);
    assert.deepEqual(drawn, steps(lines).slice(0, -1));
    const starts = bars.filter((_part, index) => index % 3 === 1).map(({ length }) => length);
    assert.deepEqual(
      starts,
      starts.toSorted((a, b) => a - b),
    );
    assert.match(
      lines.join("\n"),
      /\n7 round trips of [\d.]+ ms to the greeting; ssh needs 8, which would take [\d.]+ s\n/,
    );
  });

  test("draws nothing when there is no greeting", async () => {
    const { lines } = await check(form, { "commands.imap": "exit 3" });
    assert.doesNotMatch(lines.join("\n"), /#|round trips/);
  });

  test("names the keys that were tried before the one that opened", async () => {
    using home = makeHome();
    const stranger = makeKey(`${home.path}/stranger`);
    const { lines, status } = await check(form, { identity: [stranger.path, sshd.identity] });
    assert.match(
      outcome(lines, "authentication"),
      /^ssh-ed25519 \S+ from \S+, after ssh-ed25519 \S+ from \S+stranger/,
    );
    assert.equal(status, 0);
  });

  test("shows what the server says beside the mail", async () => {
    const { lines } = await check(form, {});
    assert.ok(lines.some((line) => line.startsWith("  the server says: ")));
  });

  test("stops at the step that fails, says what to do, and ends as the call would have", async () => {
    const wrong = await check(form, { known_hosts: sshd.knownHostsFile("wrong") });
    assert.equal(outcome(wrong.lines, "host key"), "FAILED");
    assert.match(wrong.stderr, /^preauth: work: host key changed .*\npreauth: hint: .*ssh-keygen -R /);
    assert.equal(wrong.status, 77);

    const closed = await check(form, { port: await refusingPort() });
    assert.equal(outcome(closed.lines, "connect"), "FAILED");
    assert.match(closed.stderr, /^preauth: work: connection refused/);
    assert.equal(closed.status, 69);

    const missing = await check(form, { "commands.imap": "exec /no/such/imapd" });
    assert.equal(outcome(missing.lines, "greeting"), "FAILED");
    assert.match(
      missing.stderr,
      /work: ".*\/no\/such\/imapd.*" \(.* with status 127 before any greeting\)\npreauth: hint: /,
    );
    assert.equal(missing.status, 127);
  });

  test("tells of a key that the server does not take, and which ones were tried", async () => {
    using home = makeHome();
    const stranger = makeKey(`${home.path}/stranger`);
    const { lines, stderr, status } = await check(form, { identity: stranger.path });
    assert.equal(outcome(lines, "authentication"), "FAILED");
    assert.match(
      stderr,
      /not let in \(tried ssh-ed25519 SHA256:\S+ from \S+stranger; the server takes publickey/,
    );
    assert.equal(status, 77);
  });

  test("a server that says nothing ends it at the deadline", async () => {
    await using silent = await silentServer();
    const { lines, stderr, status } = await check(form, { port: silent.port, deadline: "1s" });
    assert.equal(outcome(lines, "key exchange"), "FAILED");
    assert.match(stderr, /timed out waiting for the SSH server of work after 1 s/);
    assert.ok(lines.includes("no greeting; Alpine waits 15 s for one"));
    assert.equal(status, 69);
  });

  test("an INBOX that cannot be opened is no yes: 69, with what to do", async () => {
    const imapd =
      'printf "* PREAUTH x\\r\\n"; read a; printf "a1 NO [SERVERBUG] Internal error\\r\\n"; read a; printf "a2 OK\\r\\n"';
    const { lines, stderr, status } = await check(form, { "commands.imap": imapd });
    assert.equal(outcome(lines, "SELECT INBOX"), "NO [SERVERBUG] Internal error");
    assert.match(
      stderr,
      /INBOX cannot be opened: "NO \[SERVERBUG\] Internal error"\n(preauth: hint: .*\n)+$/,
    );
    assert.equal(status, 69);
  });

  test("an INBOX that can only be read is no yes: 78, with what to do", async () => {
    const imapd =
      'printf "* PREAUTH x\\r\\n"; read a; printf "* 2 EXISTS\\r\\na1 OK [READ-ONLY] done\\r\\n"; read a; printf "a2 OK\\r\\n"';
    const { lines, stderr, status } = await check(form, { "commands.imap": imapd });
    assert.equal(outcome(lines, "SELECT INBOX"), "OK [READ-ONLY] done (2 messages)");
    assert.match(
      stderr,
      /^preauth: work: INBOX can be read but not written: "OK \[READ-ONLY\] done"\n(preauth: hint: .*\n)+$/,
    );
    assert.equal(status, 78);
  });

  test("an imapd that stays after LOGOUT is left, as by a mail client", async () => {
    const imapd = 'printf "* PREAUTH x\\r\\n"; read a; printf "a1 OK done\\r\\n"; exec sleep 1000';
    const { lines, status } = await check(form, { "commands.imap": imapd });
    assert.equal(outcome(lines, "SELECT INBOX"), "OK done");
    assert.ok(lines.includes("ended after the client had left"));
    assert.equal(status, 0);
  });

  test("an imapd that ends instead of answering fails the step", async () => {
    const imapd = 'printf "* PREAUTH x\\r\\n"; read a; exit 3';
    const { lines, stderr, status } = await check(form, { "commands.imap": imapd });
    assert.equal(outcome(lines, "SELECT INBOX"), "FAILED");
    assert.match(stderr, /the IMAP server ended with status 3 instead of opening INBOX/);
    assert.equal(status, 69);
  });

  test("a METHOD without a command fails at the command", async () => {
    const { lines, stderr, status } = await check(form, {}, ["joe", "smtp"]);
    assert.equal(outcome(lines, "command"), "FAILED");
    assert.match(stderr, /the table has no command for METHOD "smtp"/);
    assert.equal(status, 69);
  });

  test("another METHOD is checked up to its command, without a word about Alpine", async () => {
    const pinerc = "inbox-path={work/user=jane}INBOX\n";
    const keys = { "commands.sendmail": "exec cat" };
    const { lines, status } = await check(form, keys, ["joe", "sendmail"], pinerc);
    assert.equal(steps(lines).at(-1), "command");
    assert.equal(outcome(lines, "command"), "exec cat");
    assert.doesNotMatch(lines.join("\n"), /alpine|pinerc/i);
    assert.equal(status, 0);
  });

  test("another METHOD whose program is missing ends as the call would: 127", async () => {
    const keys = { "commands.sendmail": "exec /no/such/sendmail -t" };
    const { stderr, status } = await check(form, keys, ["joe", "sendmail"]);
    assert.match(stderr, /work: sendmail ended with status 127: ".*(not found|No such file)/);
    assert.equal(status, 127);
  });

  for (const [title, line, wanted] of [
    ["greets behind noise", "printf 'hello 220 '; printf 'x\\n220 mail.test\\r\\n'; head -n 1", 0],
    ["refuses", "printf '554 go away\\r\\n'; head -n 1", 69],
    ["is missing", "exec /no/such/smtpd", 127],
    ["ends without a greeting", "echo hello", 69],
  ] as const) {
    test(`METHOD smtp is checked up to its greeting: one that ${title} is ${wanted}`, async () => {
      const { lines, stderr, status } = await check(form, { "commands.smtp": line }, ["joe", "smtp"]);
      assert.equal(steps(lines).at(-1), "greeting");
      assert.equal(outcome(lines, "greeting"), wanted === 0 ? "220 mail.test" : "FAILED");
      assert.doesNotMatch(lines.join("\n"), /alpine|pinerc/i);
      assert.equal(status, wanted, stderr);
    });
  }

  test("METHOD smtp is checked up to its greeting: one that says nothing is waited for as a mail call is", async () => {
    const keys = { "commands.smtp": "echo who are you; exec cat", deadline: "6s" };
    const { stderr, status } = await check(form, keys, ["joe", "smtp"]);
    assert.match(stderr, /timed out waiting for the greeting of work after 6 s: "who are you"/);
    assert.equal(status, 69);
  });

  test("a server that is not in the table: 1", async () => {
    const { lines, status, stderr } = await check(form, { match: "other" });
    assert.match(outcome(lines, "table"), /does not have it: the mail client connects directly$/);
    assert.match(
      stderr,
      /^preauth: work: not in the table \/.*\npreauth: hint: .*--hosts\npreauth: hint: .*--init work\n$/,
    );
    assert.equal(status, 1);
  });

  test("a table that is wrong: 78, and every problem of it", async () => {
    using home = makeHome();
    home.writeTable('[[host]]\nmatch = "work"\nport = 0\ncolour = "red"\n');
    const { status, stderr } = await runCall([...form.argv, "--check", "work"], {
      env: home.env,
      stdio: "pipes",
    });
    assert.match(stderr, /hosts\.toml:3:\d+: .*\n.*hosts\.toml:4:\d+: /);
    assert.equal(status, 78);
  });

  test("names what in ~/.pinerc would keep Alpine from calling", async () => {
    const pinerc = [
      "rsh-path=/no such/preauth",
      "rsh-open-timeout=8",
      "inbox-path={work:143}INBOX",
      "folder-collections={WORK/user=jane/ssl}[], {elsewhere.example.com/ssl}[]",
    ].join("\n");
    const { lines } = await check(form, {}, [], pinerc);
    assert.deepEqual(
      lines.filter((line) => line.startsWith("~/.pinerc")),
      [
        '~/.pinerc:1: rsh-path must not have a space in it: "/no such/preauth"',
        "~/.pinerc:2: rsh-open-timeout=8 is not above the table's deadline of 10 s",
        '~/.pinerc:3: ":143" in {work:143} makes Alpine connect directly',
        '~/.pinerc:4: "/ssl" in {WORK/user=jane/ssl} makes Alpine connect directly',
      ],
    );
  });
});
