import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { withLine } from "../../../src/authorize/authorized_keys.ts";
import { forcedCommand, needsOf } from "../../../src/authorize/forced_command.ts";
import { Failure } from "../../../src/failure.ts";
import { decide } from "../../../src/table/decide.ts";
import { remoteCommandLine } from "../../../src/table/imapd.ts";
import { parseTable } from "../../../src/table/schema.ts";
import { findProgram } from "../../peers/programs.ts";

const SMTP = `exec /bin/sh -c 'echo "smtp\\there!" ~ $((1+1))'`;
const IMAPD = ["/bin/echo", "it's", "an imapd", 'with "quotes" and \\ !'];
const SERVED = [
  { method: "imap", line: undefined },
  { method: "smtp", line: SMTP },
  { method: "sendmail", line: "exec /bin/echo sent" },
];

/** Asked for, and what comes of it. */
const ASKED: readonly (readonly [asked: string | undefined, said: RegExp])[] = [
  ["imap", /^it's an imapd with "quotes" and \\ !\n$/],
  [remoteCommandLine({ kind: "auto" }), /^it's an imapd/],
  ["exec /etc/rimapd", /^it's an imapd/],
  ["smtp", /^smtp\there! \/ 2\n$/],
  [SMTP, /^smtp\there! \/ 2\n$/],
  ["exec /bin/echo sent -f 'jane@isp.com'", /^sent\n$/],
  [undefined, /^this key opens mail only: imap smtp sendmail\n$/],
  ["smtp; echo intruder", /^this key opens mail only/],
  ["$(echo smtp)", /^this key opens mail only/],
  ["*", /^this key opens mail only/],
  ["imapd\n'; echo intruder; '", /^it's an imapd[^\n]*\n$/],
  ["exec /bin/echo sent -f '$(echo intruder)'", /^sent\n$/],
];

for (const shell of ["sh", "bash", "tcsh", "fish"]) {
  const path = findProgram(shell);
  const skip = path === undefined && `no ${shell}`;
  test(`the forced command serves what the table has, and refuses all else, in ${shell}`, { skip }, () => {
    const command = forcedCommand(SERVED, IMAPD);
    for (const [asked, said] of ASKED) {
      const env = {
        HOME: "/",
        PATH: "/usr/bin:/bin",
        ...(asked !== undefined && { SSH_ORIGINAL_COMMAND: asked }),
      };
      const { stdout, stderr } = spawnSync(path ?? "", ["-c", command], { env, encoding: "utf8" });
      assert.match(stdout + stderr, said, asked);
    }
  });
}

test("a line that authorized_keys cannot hold is refused", () => {
  for (const line of ["exec imapd # mine", "cd\nexec imapd"]) {
    assert.throws(() => forcedCommand([{ method: "imap", line }], undefined), Failure);
  }
});

test("an imapd that was found with its mail below another home has that home again", () => {
  const words = ["/bin/sh", "-c", 'echo "$HOME $DOVECOT_PRESERVE_ENVS"', "sh", "-o", "mail_home=/srv/it's"];
  const command = forcedCommand([{ method: "imap", line: undefined }], words);
  const env = { HOME: "/", PATH: "/usr/bin:/bin", SSH_ORIGINAL_COMMAND: "imap" };
  const { stdout } = spawnSync("/bin/sh", ["-c", command], { env, encoding: "utf8" });
  assert.equal(stdout, "/srv/it's USER HOME TZ\n");
});

test("the METHODs and ports that a key has to be good for are those of the table", async () => {
  const text = `[defaults]\ncommands.news = "exec nntpd"\n[[host]]\nmatch = "work"\ncommands.imap = { to = "localhost:143" }\ncommands.smtp = "exec smtpd"\n[[forward]]\nname = "a"\nlisten = 2025\nto = "mail:25"\n[[forward]]\nname = "b"\nlisten = 2026\nto = "mail:26"\nvia = "play"\n`;
  const table = await parseTable(text, "hosts.toml");
  const decision = await decide(table, { server: "work", method: "imap" });
  assert.ok(decision !== undefined);
  const { served, ports } = await needsOf(table, decision);
  assert.deepEqual(
    served.map(({ method }) => method),
    ["smtp", "news"],
  );
  assert.deepEqual(
    ports.map(({ host, port }) => `${host}:${port}`),
    ["mail:25", "localhost:143"],
  );
});

test("a key has one line, in the place of its first; all else stays to the byte", () => {
  const line = 'restrict,command="x \\"y\\" z" ssh-ed25519 AAAAkey mine';
  for (const [before, after, replaced] of [
    ["", `${line}\n`, []],
    ["ssh-rsa AAAAother", `ssh-rsa AAAAother\n${line}\n`, []],
    [
      `# ssh-ed25519 AAAAkey\n\tssh-rsa AAAAkeys x\r\n`,
      `# ssh-ed25519 AAAAkey\n\tssh-rsa AAAAkeys x\r\n${line}\n`,
      [],
    ],
    [
      `no-pty ssh-ed25519 AAAAkey old\nssh-rsa AAAAother\nssh-ed25519 AAAAkey`,
      `${line}\nssh-rsa AAAAother\n`,
      ["no-pty ssh-ed25519 AAAAkey old", "ssh-ed25519 AAAAkey"],
    ],
    [`${line}\n`, `${line}\n`, []],
  ] as const) {
    assert.deepEqual(withLine(before, line), { after, replaced: [...replaced] });
  }
});
