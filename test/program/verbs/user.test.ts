import assert from "node:assert/strict";
import { userInfo } from "node:os";
import { test } from "node:test";
import { rshPath } from "../../peers/alpine.ts";
import { describeForms, type Form } from "../../peers/binaries.ts";
import { runCall } from "../../peers/call.ts";
import { type HostLines, makeHome, tableFor } from "../../peers/home.ts";
import { program } from "../../peers/programs.ts";
import { skipUnlessRoot } from "../../peers/rights.ts";
import { mailbox, sshd } from "./own_server.ts";

/*
 * USER of a verb that was given none: the one that a mail program will give. The sshd lets nobody in but the login name.
 */

const LOGIN = userInfo().username;
const SKIP = { skip: skipUnlessRoot };

interface Ran {
  readonly status: number | null;
  readonly text: string;
  readonly stderr: string;
}

/** What a verb says of "work", whose ssh_config has another user than the person is. */
async function run(
  form: Form,
  words: readonly string[],
  mailboxes: string,
  keys: HostLines = {},
): Promise<Ran> {
  using home = makeHome();
  const ssh_config = home.write("ssh_config", "Host *\n  User nosuch\n");
  const lines = { match: "work", user: undefined, ssh_config, "commands.imap": mailbox.command };
  home.writeTable(tableFor(sshd, { ...lines, ...keys }));
  home.write(".pinerc", `rsh-path=${rshPath(home, form.argv)}\n${mailboxes}\n`);
  const { status, output, stderr } = await runCall([...form.argv, ...words], {
    env: home.env,
    stdio: "pipes",
  });
  return { status, text: output.toString(), stderr };
}

describeForms("the USER of a verb that is given none", { concurrency: 2 }, (form) => {
  test("is the login name, as Alpine gives it, and not ssh_config's; the difference is said, with the line", async () => {
    const { status, text } = await run(form, ["--check", "work"], "inbox-path={work}INBOX");
    assert.match(text, new RegExp(`^name .* ${LOGIN}@127\\.0\\.0\\.1 port`, "m"));
    assert.match(
      text,
      new RegExp(
        `^note: Alpine gives the user "${LOGIN}" \\(your login name\\), and not ssh_config's "nosuch"\n  .*: user = "nosuch"$`,
        "m",
      ),
    );
    assert.equal(status, 0);
  });

  test("is that of the first mailbox in ~/.pinerc that names SERVER: a no is a no", async () => {
    const folders = "folder-collections={other/user=joe}[],\n {WORK./user=nobody1}[],{work}[]";
    const { status, text, stderr } = await run(form, ["--check", "work"], folders);
    assert.match(text, /^name .* nobody1@/m);
    assert.match(stderr, /^preauth: work: nobody1 not let in/);
    assert.equal(status, 77);
    const also = `note: Alpine calls as "${LOGIN}" too: preauth --check work ${LOGIN}`;
    assert.equal(text.split("\n").includes(also), true, text);
  });

  test("is the table's, where it has one, without a word about others", async () => {
    const { status, text } = await run(form, ["--check", "work"], "inbox-path={work/user=joe}INBOX", {
      user: LOGIN,
    });
    assert.doesNotMatch(text, /note:/);
    assert.equal(status, 0);
  });

  test("is told by --explain with its place", async () => {
    const { text } = await run(form, ["--explain", "work"], "inbox-path={work/user=joe}INBOX");
    assert.match(text, /^user +joe +~\/\.pinerc:2$/m);
    assert.match(
      text,
      /^note: Alpine gives the user "joe" \(~\/\.pinerc:2\), and not ssh_config's "nosuch"$/m,
    );
  });

  test("is taken by --forward too", async () => {
    const [listen, to] = [`${sshd.home}/${form.argv.length}.sock`, `127.0.0.1:${sshd.port}`];
    const forward = `\n[[forward]]\nname = "it"\nlisten = "${listen}"\nto = "${to}"\n`;
    using home = makeHome();
    const ssh_config = home.write("ssh_config", "Host *\n  User nosuch\n");
    home.writeTable(tableFor(sshd, { match: "work", user: undefined, ssh_config, share: true }) + forward);
    home.write(".pinerc", "inbox-path={work}INBOX\n");
    const argv = [...form.argv, "--forward", "work"];
    const { status, output, stderr } = await runCall(argv, { env: home.env, stdio: "pipes" });
    assert.match(
      output.toString(),
      /^note: Alpine gives the user .*\n.*\nwork: forward "it": carries /,
      stderr,
    );
    assert.equal(status, 0);
  });

  test("a USER that was given, and that Alpine does not give, is said to be another", async () => {
    const { status, text } = await run(form, ["--check", "work", LOGIN], "inbox-path={work/user=joe}INBOX");
    assert.match(text, /^note: Alpine calls as "joe" too: preauth --check work joe$/m);
    assert.equal(status, 0);
  });
});

describeForms("--check and ~/.pinerc", { concurrency: 2 }, (form) => {
  for (const [pinerc, told] of [
    [
      "rsh-path=/usr/bin/ssh\ninbox-path={work}INBOX",
      '~/.pinerc:1: rsh-path is not this program: "/usr/bin/ssh"',
    ],
    [
      "rsh-path=PREAUTH\nrsh-command=%s %s %s\ninbox-path={work}INBOX",
      "~/.pinerc:2: rsh-command must have four %s, not 3",
    ],
    ["rsh-path=PREAUTH\ninbox-path=INBOX", "~/.pinerc: no mailbox in it names work"],
    [
      "rsh-path=PREAUTH\ninbox-path={work/user=jane}INBOX\nrsh-command=%s -l %s %s %s",
      '~/.pinerc:3: rsh-command makes the call "preauth -l work jane imap", which is refused: SERVER: "-l" is not a host name',
    ],
  ] as const) {
    test(`says what never reaches preauth: ${told.replace(/^\S+ /, "")}`, async () => {
      using home = makeHome();
      home.writeTable(tableFor(sshd, { match: "work", "commands.imap": mailbox.command }));
      home.write(".pinerc", `${pinerc.replace("PREAUTH", rshPath(home, form.argv))}\n`);
      for (const verb of ["--check", "--explain"]) {
        const { output } = await runCall([...form.argv, verb, "work"], { env: home.env, stdio: "pipes" });
        const lines = output.toString().split("\n");
        assert.equal(lines.includes(told), true, output.toString());
        assert.match(lines[lines.indexOf(told) + 1] ?? "", /^ {2}write: /);
      }
    });
  }

  test("reads the FILE of alpine -p where $PINERC names it, and the exceptions beside it", async () => {
    using home = makeHome();
    home.writeTable(tableFor(sshd, { match: "work", user: undefined, "commands.imap": mailbox.command }));
    home.write(".pinerc", "inbox-path={work/user=joe}INBOX\n");
    const file = home.write("elsewhere/pinerc", "inbox-path={work/user=jane}INBOX\nrsh-path=/no/such\n");
    home.write("elsewhere/.pinercex", "rsh-path=/no/other\n");
    const argv = [...form.argv, "--explain", "work"];
    const { output } = await runCall(argv, { env: { ...home.env, PINERC: file }, stdio: "pipes" });
    assert.match(output.toString(), /^user +jane +~\/elsewhere\/pinerc:1$/m);
    assert.match(
      output.toString(),
      /^~\/elsewhere\/\.pinercex:1: rsh-path is not an executable file: "\/no\/other"$/m,
    );
  });

  test("reads the system's pine.conf and pinerc.fixed, which Debian has in /etc", SKIP, async () => {
    using home = makeHome();
    home.writeTable(tableFor(sshd, { match: "work", user: undefined, "commands.imap": mailbox.command }));
    const [conf, fixed] = [
      home.write("conf", "inbox-path={work/user=jane}INBOX\nrsh-path=/no/such\n"),
      home.write("fixed", "rsh-path=/no/other\n"),
    ];
    // A machine of its own for this one program: /etc as it is, and the two files in it.
    const etc = `${home.path}/etc`;
    const script = `cp -a /etc "${etc}" && cp "${conf}" "${etc}/pine.conf" && cp "${fixed}" "${etc}/pinerc.fixed"`;
    const under = inMounts(`${script} && mount --bind "${etc}" /etc`);
    const argv = [...form.argv, "--explain", "work"];
    const { output } = await runCall(argv, { env: home.env, stdio: "pipes", under });
    assert.match(output.toString(), /^user +jane +\/etc\/pine\.conf:1$/m);
    assert.match(
      output.toString(),
      /^\/etc\/pinerc\.fixed:1: rsh-path is not an executable file: "\/no\/other"$/m,
    );
  });

  test("tells the name that Alpine will call with where it is the server's canonical one", SKIP, async () => {
    using home = makeHome();
    home.writeTable(tableFor(sshd, { match: "imap.test", "commands.imap": mailbox.command }));
    home.write(".pinerc", `rsh-path=${rshPath(home, form.argv)}\ninbox-path={imap.test}INBOX\n`);
    const hosts = home.write("hosts", "127.0.0.1 mail7.isp.test imap.test\n", 0o644);
    const under = inMounts(`mount --bind "${hosts}" /etc/hosts`);
    const argv = [...form.argv, "--check", "imap.test"];
    const { output } = await runCall(argv, { env: home.env, stdio: "pipes", under });
    const note =
      '~/.pinerc:2: Alpine calls for {imap.test} with its canonical name "mail7.isp.test", which the table does not have';
    assert.equal(output.toString().split("\n").includes(note), true, output.toString());
  });
});

/** Words in front of a program that has mounts of its own, made by a line of the shell's. */
function inMounts(line: string): readonly string[] {
  return [
    program("unshare"),
    ...["--mount", "--propagation", "private"],
    "sh",
    "-c",
    `${line} && exec "$@"`,
    "sh",
  ];
}
