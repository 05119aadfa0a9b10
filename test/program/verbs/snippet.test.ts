import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { type ClientName, SNIPPETS } from "../../../src/cli/snippets.ts";
import { openAlpine } from "../../peers/alpine.ts";
import { describeForms, type Form } from "../../peers/binaries.ts";
import { runCall } from "../../peers/call.ts";
import { type Home, hostTable, makeHome } from "../../peers/home.ts";
import { program } from "../../peers/programs.ts";
import { openTerminal } from "../../peers/terminal.ts";
import { documentText } from "../documents/documents.ts";
import { mailbox, sshd } from "./own_server.ts";
import { snippetScene } from "./snippet_scene.ts";

async function run(form: Form, home: Home, ...words: readonly string[]) {
  const argv = [...form.argv, "--snippet", ...words];
  const { status, output, stderr } = await runCall(argv, { env: home.env, stdio: "pipes" });
  return { status, stderr, text: output.toString() };
}

describeForms("--snippet", { concurrency: 2 }, (form) => {
  test("lists the programs with the places of their lines, without a table too", async () => {
    using home = makeHome();
    const { status, text } = await run(form, home);
    assert.deepEqual(
      text
        .trimEnd()
        .split("\n")
        .map((line) => line.split(" ")[0]),
      Object.keys(SNIPPETS),
    );
    assert.equal(status, 0);
  });

  test("takes the first name of the table and its user, and says where the lines go", async () => {
    using home = makeHome();
    home.writeTable(
      `${hostTable({ match: "*.isp.com" })}${hostTable({ match: ["*.org", "work"], user: "jane" })}`,
    );
    const { status, text, stderr } = await run(form, home, "mutt");
    assert.match(
      text,
      /^set tunnel="\/\S+ work jane imap"\nset tunnel_is_secure=yes\nset folder=imap:\/\/jane@work\/\n/,
    );
    assert.equal(text.includes(form.argv.at(-1) ?? "-"), true);
    assert.equal(stderr, "preauth: these lines go into ~/.muttrc\n");
    assert.equal(status, 0);
    assert.match((await run(form, home, "mutt", "mail.isp.com", "joe")).text, / mail\.isp\.com joe imap"/);
  });

  test("refuses a program that there is not, and a SERVER that the table has not", async () => {
    using home = makeHome();
    home.writeTable(hostTable({ match: "work" }));
    const unknown = await run(form, home, "eudora");
    assert.match(unknown.stderr, /^preauth: CLIENT: "eudora" is none of alpine, mutt, /);
    assert.equal(unknown.status, 64);
    const other = await run(form, home, "mutt", "other");
    assert.match(other.stderr, /^preauth: other: not in the table /);
    assert.equal(other.status, 1);
    home.writeTable(hostTable({ match: "*.isp.com" }));
    assert.equal((await run(form, home, "mutt")).status, 78);
  });
});

const TIMEOUT = { timeout: 60_000 };

describe("the lines of --snippet", { concurrency: 3 }, () => {
  for (const client of ["mutt", "neomutt"] as const) {
    test(
      `open INBOX in ${client}, whatever preauth's directory and the user are called`,
      TIMEOUT,
      async () => {
        const { home, lines } = snippetScene(sshd, mailbox);
        using _ = home;
        const file = home.write(
          "muttrc",
          `${lines(client)}\nset quit=yes mark_old=no record="" postponed=""\n`,
        );
        await using terminal = await openTerminal([program(client), "-n", "-F", file], { env: home.env });
        await terminal.waitFor(/Minutes of the meeting/, "the list of messages");
        terminal.keys("q");
        assert.equal(await terminal.ended(), 0);
      },
    );
  }

  test("open INBOX in Alpine", TIMEOUT, async () => {
    const { home, lines } = snippetScene(sshd, mailbox, "plain");
    using _ = home;
    const [rsh = "", command = "", inbox = ""] = lines("alpine")
      .split("\n")
      .map((line) => line.replace(/^.*?=/, ""));
    await using alpine = await openAlpine(home, { rshPath: rsh, rshCommand: command, inbox });
    await alpine.waitFor(/Minutes of the meeting/, "the list of messages");
    alpine.keys("q");
    assert.equal(await alpine.ended(), 0);
  });

  test("get mail with mbsync", TIMEOUT, () => {
    const { home, lines } = snippetScene(sshd, mailbox);
    using _ = home;
    mkdirSync(join(home.path, "Mail"));
    const here = `MaildirStore here\nPath ${home.path}/Mail/\nInbox ${home.path}/Mail/Inbox\n`;
    const file = home.write(
      "mbsyncrc",
      `${lines("mbsync")}\n\n${here}\nChannel c\nFar :work:\nNear :here:\nCreate Near\n`,
    );
    const { status, stderr } = spawnSync(program("mbsync"), ["-c", file, "-a"], {
      env: home.env,
      encoding: "utf8",
    });
    assert.equal(status, 0, stderr);
    assert.equal(readdirSync(join(home.path, "Mail/Inbox"), { recursive: true }).length > 5, true);
  });

  test("get mail with fetchmail", TIMEOUT, () => {
    const { home, lines } = snippetScene(sshd, mailbox, "plain");
    using _ = home;
    const mda = `mda "sh -c 'cat >>${home.path}/mail'"`;
    const file = home.write("fetchmailrc", `${lines("fetchmail")} ${mda}\n`);
    const { status, stderr } = spawnSync(program("fetchmail"), ["-f", file, "--keep", "--all"], {
      env: home.env,
      encoding: "utf8",
    });
    assert.equal(status, 0, stderr);
    assert.equal(
      spawnSync("grep", ["-c", "^Subject: Minutes", join(home.path, "mail")], { encoding: "utf8" }).stdout,
      "1\n",
    );
  });

  test("get mail with OfflineIMAP", TIMEOUT, () => {
    const { home, lines } = snippetScene(sshd, mailbox);
    using _ = home;
    const file = home.write(
      "offlineimaprc",
      `[general]\naccounts = a\nmetadata = ${home.path}/meta\nui = basic\n[Account a]\nlocalrepository = l\nremoterepository = r\n[Repository l]\ntype = Maildir\nlocalfolders = ${home.path}/Mail\n[Repository r]\n${lines("offlineimap")}\n`,
    );
    const { status, stdout, stderr } = spawnSync(program("offlineimap"), ["-o", "-c", file], {
      env: home.env,
      encoding: "utf8",
    });
    assert.equal(status, 0, stdout + stderr);
    assert.equal(readdirSync(join(home.path, "Mail"), { recursive: true }).length > 5, true);
  });

  test("have git put a draft there", TIMEOUT, () => {
    const { home, lines } = snippetScene(sshd, mailbox);
    using _ = home;
    home.write(".gitconfig", `${lines("git")}\n`);
    const draft =
      "From 0123456789012345678901234567890123456789 Mon Sep 17 00:00:00 2001\nFrom: Jane <jane@mail.test>\nDate: Mon, 2 Nov 2026 10:00:00 +0000\nSubject: [PATCH] A draft\n\n---\n";
    const { status, stderr } = spawnSync("git", ["imap-send"], {
      env: home.env,
      cwd: home.path,
      encoding: "utf8",
      input: draft,
    });
    assert.equal(status, 0, stderr);
    assert.match(stderr, /100%.*\(1\/1\) done/);
  });

  test("stand in doc/recipes.md as they are printed", () => {
    const text = documentText("doc/recipes.md");
    const blocks = [...text.matchAll(/^<!-- snippet: (\S+) -->\n\n```\w*\n(.*?)^```$/gms)];
    assert.deepEqual(
      blocks.map(([, name]) => name),
      Object.keys(SNIPPETS),
    );
    const parts = { program: "/usr/local/bin/preauth", server: "work", user: "jane", givesUser: false };
    for (const [, name = "", block = ""] of blocks) {
      assert.equal(block, `${SNIPPETS[name as ClientName].lines(parts).join("\n")}\n`, name);
    }
  });
});
