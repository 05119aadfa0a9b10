import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { startClaws } from "../../peers/claws.ts";
import { makeMailbox } from "../../peers/dovecot.ts";
import { startEvolution } from "../../peers/evolution.ts";
import type { Home } from "../../peers/home.ts";
import { imapClient } from "../../peers/imap_client.ts";
import { program } from "../../peers/programs.ts";
import { openTerminal } from "../../peers/terminal.ts";
import { startThunderbird } from "../../peers/thunderbird.ts";
import { poll } from "../../peers/waiting.ts";
import { freePort } from "../../unit/forwards/fixtures.ts";
import { GREETED } from "../forwards/inbox.ts";
import { mailbox, sshd } from "./own_server.ts";
import { snippetScene } from "./snippet_scene.ts";

const TIMEOUT = { timeout: 120_000 };

/** Adds the [[forward]] that the snippet for Thunderbird has, at a port that is free. */
async function addForward(home: Home, lines: string): Promise<number> {
  const port = await freePort();
  const host = readFileSync(home.tableFile, "utf8").replace("share = false", "share = true");
  home.writeTable(`${host}\n${lines.replace("listen = 1143", `listen = ${port}`)}\n`);
  return port;
}

/** What a person would type behind each name. */
function settings(lines: string): Readonly<Record<string, string>> {
  const found = lines.matchAll(/(?:^(?:# )?| {3})([A-Z][^:\n]*): (.*?)(?= {3}|$)/gm);
  return Object.fromEntries([...found].map(([, name = "", value = ""]) => [name, value]));
}

describe("the lines of --snippet", { concurrency: 2 }, () => {
  test("have Claws Mail fetch a message, whatever preauth's directory is called", TIMEOUT, async () => {
    for (let attempt = 1; ; attempt++) {
      const { home, lines, user } = snippetScene(sshd, mailbox);
      using _ = home;
      const typed = settings(lines("claws"));
      assert.equal(typed["User ID"], user);
      const account = [
        `receive_server=${typed["Server for receiving"]}`,
        "user_id=jane",
        `set_tunnelcmd=1\ntunnelcmd=${typed["Use command to communicate with server"]}`,
      ];
      await using claws = await startClaws(home, account.join("\n"));
      await poll(() => /work: imap: open/.test(home.log()), "its connection", home.log);
      const message = await claws.fetch(1);
      if (message === undefined && attempt < 3) continue;
      assert.match(message ?? "", /came through an SSH connection/);
      return;
    }
  });

  test("have the names that the windows of Evolution and Claws Mail have", () => {
    const { home, lines } = snippetScene(sshd, mailbox, "plain");
    using _ = home;
    const folder = "/usr/lib/evolution-data-server/camel-providers";
    const provider = readFileSync(`${folder}/libcamelimapx.so`, "latin1");
    for (const name of Object.keys(settings(lines("evolution"))).slice(-2)) {
      assert.ok(provider.includes(`\0${name}\0`) || provider.includes(`\0${name}:\0`), name);
    }
    const claws = readFileSync(program("claws-mail"), "latin1");
    for (const name of Object.keys(settings(lines("claws")))) assert.ok(claws.includes(`\0${name}\0`), name);
  });

  test("have Evolution fetch INBOX, whatever preauth's directory is called", TIMEOUT, async () => {
    const { home, lines, user } = snippetScene(sshd, mailbox, 'it\'s %h%u %%h "odd" $HOME `x` \\');
    using _ = home;
    const typed = settings(lines("evolution"));
    assert.equal(typed.Username, user);
    await using evolution = await startEvolution(home, {
      server: typed.Server ?? "",
      user: "jane",
      command: typed.Command ?? "",
      encryption: typed["Encryption method"] ?? "",
    });
    const fetched = () =>
      mailbox.subjects.every((one) =>
        evolution.fetched().some((message) => message.includes(`Subject: ${one}`)),
      );
    await poll(fetched, "the messages in its cache", home.log, 90_000);
  });

  test("have Thunderbird fetch INBOX from the port", TIMEOUT, async () => {
    const { home, lines } = snippetScene(sshd, mailbox, "plain");
    using _ = home;
    const port = await addForward(home, lines("thunderbird"));
    const up = /^# (\/.*)$/m.exec(lines("thunderbird"))?.[1] ?? "";
    const { status, stderr } = spawnSync("/bin/sh", ["-c", up], { env: home.env, encoding: "utf8" });
    assert.equal(status, 0, stderr);
    const typed = settings(lines("thunderbird"));
    assert.equal(typed.Port, "1143");
    // What its window calls them: nsMsgSocketType and nsMsgAuthMethod.
    const security = { None: 0 }[typed["Connection security"] ?? ""];
    const method = { "Normal password (not sent)": 3 }[typed["Authentication method"] ?? ""];
    const server = {
      ...{ type: typed.Protocol?.toLowerCase(), hostname: typed.Hostname, port, userName: typed.Username },
      ...{ socketType: security, authMethod: method, name: "work", login_at_startup: true },
    };
    const preferences = {
      "mail.accountmanager.accounts": "account1",
      "mail.account.account1.server": "server1",
      "mail.account.account1.identities": "id1",
      "mail.identity.id1.useremail": "jane@example.org",
      ...Object.fromEntries(
        Object.entries(server).map(([key, value]) => [`mail.server.server1.${key}`, value]),
      ),
    };
    const account = Object.entries(preferences).map(
      ([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`,
    );
    await using thunderbird = await startThunderbird(home, account.join(""));
    const stored = () =>
      mailbox.subjects.every((one) => thunderbird.store("INBOX").includes(`Subject: ${one}`));
    await poll(stored, "the messages in its store", home.log, 90_000);
  });

  test("have Gnus open INBOX and read a message", TIMEOUT, async () => {
    // It counts what nobody has read, and the other programs read.
    using unread = makeMailbox();
    const { home, lines } = snippetScene(sshd, unread);
    using _ = home;
    const own = [
      '(setq gnus-startup-file (expand-file-name "~/.newsrc") gnus-save-newsrc-file nil gnus-read-newsrc-file nil)',
      "(setq gnus-save-killed-list nil gnus-check-new-newsgroups nil gnus-interactive-exit nil inhibit-startup-screen t)",
      '(setq mail-sources nil gnus-agent nil gnus-novice-user nil gnus-home-directory "~/" gnus-directory "~/News/")',
      `(setq gnus-select-method '(nnnil "") gnus-secondary-select-methods '(${lines("gnus")}))`,
      '(gnus) (gnus-subscribe-group "nnimap+work:INBOX") (gnus-group-get-new-news)',
    ];
    const file = home.write("gnus.el", own.join("\n"));
    const words = [program("emacs"), "-nw", "-Q", "-l", file];
    await using gnus = await openTerminal(words, { env: home.env, columns: 120 });
    await gnus.waitFor(/ 3: nnimap\+work:INBOX/, "the group and its messages");
    gnus.type(" ");
    await gnus.waitFor(/came through an SSH connection/, "the first message");
  });

  test("have interimap copy the mailboxes", TIMEOUT, () => {
    const { home, lines } = snippetScene(sshd, mailbox);
    using _ = home;
    using local = makeMailbox({ inbox: [], archive: [] });
    const own = `database = work.db\n\n[local]\ntype = tunnel\ncommand = exec ${local.argv.join(" ")}\n`;
    const file = home.write("interimap", `${own}\n${lines("interimap")}\n`);
    home.write("data/interimap/nothing", "");
    const env = { ...home.env, XDG_DATA_HOME: join(home.path, "data") };
    const words = [`--config=${file}`];
    const { status, stderr } = spawnSync(program("interimap"), words, { env, encoding: "utf8" });
    assert.equal(status, 0, stderr);
    const copied = ["new", "cur"].flatMap((name) => readdirSync(join(local.path, "Maildir", name)));
    assert.equal(copied.length, mailbox.subjects.length);
  });

  test(
    "are a unit of systemd's, whose commands it can read, and which brings the port up",
    TIMEOUT,
    async () => {
      const odd = snippetScene(sshd, mailbox, "100% odd $HOME `x`");
      using _odd = odd.home;
      const verify = (home: Home, text: string) => {
        const unit = home.write("preauth-forward.service", text);
        return spawnSync(program("systemd-analyze"), ["verify", "--man=no", unit], { encoding: "utf8" });
      };
      const verified = verify(odd.home, odd.lines("systemd"));
      assert.deepEqual([verified.status, verified.stderr], [0, ""]);
      // It does look for the program.
      assert.notEqual(verify(odd.home, odd.lines("systemd").replaceAll("/preauth", "/gone")).stderr, "");

      const { home, lines } = snippetScene(sshd, mailbox, "plain");
      using _ = home;
      const port = await addForward(home, lines("thunderbird"));
      const run = (name: string) => {
        const words = new RegExp(`^${name}=-?(.*)$`, "m").exec(lines("systemd"))?.[1]?.split(" ") ?? [];
        const { status, stderr } = spawnSync(words[0] ?? "", words.slice(1), {
          env: home.env,
          encoding: "utf8",
        });
        assert.equal(status, 0, stderr);
      };
      run("ExecStart");
      using client = await imapClient(port);
      await client.until(GREETED);
      client.end();
      await client.ended();
      run("ExecStop");
      await poll(
        () =>
          imapClient(port).then(
            (one) => one[Symbol.dispose](),
            () => true,
          ),
        "the end of the port",
      );
    },
  );

  test("bring the port up from a crontab", TIMEOUT, async () => {
    const { home, lines } = snippetScene(sshd, mailbox);
    using _ = home;
    const port = await addForward(home, lines("thunderbird"));
    // crontab(5): what stands behind a percent sign without a backslash is the command's input, and sh runs it.
    const [, command = "", input] = /^(?:\S+ ){5}((?:\\%|[^%])*)(?:%(.*))?$/.exec(lines("cron")) ?? [];
    assert.equal(input, undefined);
    const { HOME = "", XDG_CONFIG_HOME = "", XDG_STATE_HOME = "", XDG_RUNTIME_DIR = "" } = home.env;
    const places = { XDG_CONFIG_HOME, XDG_STATE_HOME, XDG_RUNTIME_DIR };
    const env = { HOME, LOGNAME: "jane", SHELL: "/bin/sh", PATH: "/usr/bin:/bin", ...places };
    const words = ["-c", command.replaceAll("\\%", "%")];
    const { status, stdout, stderr } = spawnSync("/bin/sh", words, { env, cwd: HOME, encoding: "utf8" });
    // cron mails whatever a command says.
    assert.deepEqual([status, stdout, stderr], [0, "", ""]);
    using client = await imapClient(port);
    await client.until(GREETED);
  });

  test("refuse what a program cannot be given", () => {
    const { home, lines } = snippetScene(sshd, mailbox);
    using _ = home;
    assert.throws(() => lines("alpine"), /cannot be given .*: it splits words at spaces/);
    assert.throws(() => lines("fetchmail"), /cannot be given/);
    assert.throws(() => lines("systemd"), /cannot be given .*: it takes no quotes/);
  });
});
