import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { describeForms } from "../../peers/binaries.ts";
import { runCall } from "../../peers/call.ts";
import { type Mailbox, makeMailbox } from "../../peers/dovecot.ts";
import { makeHome, tableFor } from "../../peers/home.ts";
import { program } from "../../peers/programs.ts";
import { skipUnlessRoot } from "../../peers/rights.ts";
import { type Sshd, startSshd } from "../../peers/sshd.ts";
import { listen } from "../../peers/tcp.ts";
import { makeTemporary, removeTemporary } from "../../peers/temporary.ts";
import { openTerminal } from "../../peers/terminal.ts";
import { freePort } from "../../unit/forwards/fixtures.ts";
import { converse } from "../calls/client.ts";
import { check, lineOf, tell } from "./hinted.ts";

/* An account whose key lets in, and whose password must be changed first. sshd asks PAM, and PAM an /etc of its own. */

let mailbox: Mailbox;

before(() => {
  mailbox = makeMailbox();
});

after(() => mailbox[Symbol.dispose]());

/** What shadow(5) has behind a password: that it was last changed on day 0; that the account was over on day 1. */
const EXPIRED = { password: "0:0:99999:7:::", account: "19000:0:99999:7::1:" } as const;

/** An sshd with a copy of /etc, where a part of root's account has expired. Call stop(). */
async function startExpired(
  part: keyof typeof EXPIRED,
): Promise<{ readonly sshd: Sshd; stop(): Promise<void> }> {
  const etc = makeTemporary();
  cpSync("/etc", etc, { recursive: true });
  const file = join(etc, "shadow");
  const hash = execFileSync(program("openssl"), ["passwd", "-6", "swordfish"], { encoding: "utf8" }).trim();
  writeFileSync(file, readFileSync(file, "utf8").replace(/^root:.*$/m, `root:${hash}:${EXPIRED[part]}`));
  const apart = [program("unshare"), "--mount", "--propagation", "private"];
  const under = [...apart, "/bin/sh", "-c", `mount --bind ${etc} /etc && exec "$@"`, "sh"];
  const sshd = await startSshd({ config: ["UsePAM yes"], under });
  const stop = async () => {
    await sshd.stop();
    removeTemporary(etc);
  };
  return { sshd, stop };
}

describeForms("a password that has expired behind a key that lets in", { concurrency: 2 }, (form) => {
  test("is not what keeps out where the account has expired: the reason is PAM's", {
    skip: skipUnlessRoot,
    timeout: 60_000,
  }, async () => {
    const { sshd, stop } = await startExpired("account");
    using home = makeHome();
    try {
      home.writeTable(tableFor(sshd, { match: "work", "commands.imap": mailbox.command }));
      const { stderr, hints } = await check(form, home);
      const known = `ssh -o UserKnownHostsFile=${sshd.knownHosts} `;
      const line = lineOf(hints, /^see what ssh says on the way/).replace("ssh ", known);
      const typed = spawnSync("/bin/sh", ["-c", line], { env: home.env, encoding: "utf8", input: "" });
      assert.match(typed.stderr, /^Your account has expired; /m);
      assert.match(
        stderr,
        /^preauth: work: the server closed the connection .*: it said "Your account has expired; /,
      );
    } finally {
      await stop();
    }
  });

  for (const [share, isPort] of [
    [false, false],
    [true, false],
    [false, true],
    [true, true],
  ] as const) {
    const title = `is told of, and the hint changes it${isPort ? ", for a port" : ""}${share ? ", with a connection that is shared" : ""}`;
    test(title, { skip: skipUnlessRoot, timeout: 60_000 }, async () => {
      const { sshd, stop } = await startExpired("password");
      using home = makeHome();
      // The same imapd, as inetd(8) starts it.
      await using port = await listen((socket) => {
        const imapd = spawn("/bin/sh", ["-c", mailbox.command], { stdio: ["pipe", "pipe", "ignore"] });
        socket.pipe(imapd.stdin.on("error", () => {}));
        imapd.stdout.pipe(socket);
      });
      try {
        const table = tableFor(sshd, {
          match: "work",
          share,
          ...(!isPort && { "commands.imap": mailbox.command }),
        });
        home.writeTable(isPort ? `${table}commands.imap = { to = "127.0.0.1:${port.port}" }\n` : table);
        const call = [...form.argv, "work", sshd.user, "imap"];
        const said = String((await converse(call, { env: home.env })).output);
        assert.match(said, /^\* BYE preauth: work: the server wants the password changed: it says "/m);
        const { status, stderr, hints } = await check(form, home);
        assert.equal(status, 77, stderr);
        assert.equal(hints.length, 1, stderr);
        const line = lineOf(hints, /^change it: ssh /).replace(
          "ssh ",
          `ssh -o UserKnownHostsFile=${sshd.knownHosts} `,
        );
        await using terminal = await openTerminal(["/bin/sh", "-c", line], { env: home.env, columns: 160 });
        for (const [asked, answer] of [
          [/Current password:\s*$/, "swordfish"],
          [/New password:\s*$/, "correct horse battery"],
          [/Retype .*new password:\s*$/i, "correct horse battery"],
          // The shell that is let in to then.
          [/[#$]\s*$/, "exit"],
        ] as const) {
          await terminal.waitFor(asked, `what is answered with "${answer}"`);
          terminal.type(answer);
          terminal.keys("Enter");
        }
        await terminal.ended();
        const { output } = await runCall(call, { env: home.env, input: "a1 LOGOUT\r\n" });
        assert.match(String(output), /^\* BYE Logging out/m);
        assert.equal((await check(form, home)).status, 0);
      } finally {
        await stop();
      }
    });
  }

  for (const share of [false, true]) {
    test(`is told by --forward, too (share = ${share})`, {
      skip: skipUnlessRoot,
      timeout: 60_000,
    }, async () => {
      const { sshd, stop } = await startExpired("password");
      using home = makeHome();
      try {
        const keys = { match: "work", share, persist: "0", "commands.imap": mailbox.command };
        const forward = `\n[[forward]]\nname = "smtp"\nlisten = ${await freePort()}\nto = "127.0.0.1:${sshd.port}"\n`;
        home.writeTable(`${tableFor(sshd, keys)}${forward}`);
        const { status, stderr, hints } = await tell(form, home, ["--forward", "work", "--for", "1s"]);
        assert.equal(status, 69);
        assert.match(
          stderr,
          /^preauth: work: forward "smtp": no connection to \S+: the server wants the password/,
        );
        assert.match(lineOf(hints, /^change it: /), /^ssh -t /);
        assert.equal(hints.length, 1);
      } finally {
        await stop();
      }
    });
  }
});
