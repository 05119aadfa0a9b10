import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { describe, test } from "node:test";
import { decide } from "../../../src/table/decide.ts";
import type { Command } from "../../../src/table/decision.ts";
import { parseTable } from "../../../src/table/schema.ts";
import { rshPath } from "../../peers/alpine.ts";
import { describeForms, type Form } from "../../peers/binaries.ts";
import { makeMailbox } from "../../peers/dovecot.ts";
import { type Home, makeHome, tableFor } from "../../peers/home.ts";
import { startSshd } from "../../peers/sshd.ts";
import { refusingPort } from "../../peers/tcp.ts";
import { startScene } from "../master/shared_home.ts";
import { documentText, exampleTable, shownOutput, shownOutputs, tablesOf } from "./documents.ts";

const HEADINGS = [
  "Install",
  "The first mailbox",
  "Other mail programs",
  "When it does not work",
  "Figures",
  "Security",
  "Where to read on",
];

/** What a verb of the built program prints. */
function output(form: Form, home: Home, ...words: readonly string[]): readonly string[] {
  const [program = "", ...rest] = [...form.argv, ...words];
  const { stdout, stderr } = spawnSync(program, rest, { env: home.env, encoding: "utf8" });
  assert.notEqual(stdout, "", stderr);
  return stdout.trimEnd().split("\n");
}

/** The first column of a verb's output, where a line has one. */
function names(lines: readonly string[]): readonly string[] {
  return lines.map((line) => /^(\S.*?) {2,}/.exec(line)?.[1]).filter((name) => name !== undefined);
}

/** Lines of --status, with what changes from one time to the next put aside. */
function columns(lines: readonly string[]): readonly string[] {
  return lines.map((line) =>
    line
      .replace(/ {2,}/g, "  ")
      .replace(/\d{4}-\d\d-\d\d [\d:]{8}/g, "TIME")
      .replace(/^process \d+, since TIME, at \/.*\//, "process PID, since TIME, at DIRECTORY/")
      .replace(/^work {2}\S+ {2}\S+:\d+ /, "work  USER  TO ")
      .replace(/ preauth(\.js)? \(\d+\) /, " PROGRAM (PID) ")
      .replace(/[\d.]+ k?B/g, "SIZE")
      .replace(/[\d.]+ ms/, "MS"),
  );
}

/** A line of --check with what differs from one machine and one time to the next put aside. */
function anonymous(line: string): string {
  return line
    .replace(/ +\d+ ms/, " MS")
    .replace(/hosts\.toml:\d+:\d+/, "PLACE")
    .replace(/\S+@\S+ port \d+/, "USER@HOST port N")
    .replace(/\d+(?:\.\d+){3}( port \d+)?/, "ADDRESS$1")
    .replace(/ADDRESS port \d+/, "ADDRESS port N")
    .replace(/SHA256:[^\s)]+/, "FINGERPRINT")
    .replace(/'\S+ ssh-ed25519 AAAA[^']*' >> .*/, "'NAME ssh-ed25519 KEY' >> KNOWN_HOSTS");
}

/** The remote command that the table of doc/table.md has for a call. */
async function command(server: string, method: string): Promise<Command | undefined> {
  const table = await parseTable(exampleTable(), "table.md");
  return (await decide(table, { server, method }))?.command?.value;
}

describe("the README", () => {
  test("has its parts in their order", () => {
    const found = [...documentText("README.md").matchAll(/^## (.*)$/gm)].map(([, heading]) => heading);
    assert.deepEqual(found, HEADINGS);
  });

  test("is read in a few minutes: 1,800 words at most", () => {
    assert.ok(documentText("README.md").split(/\s+/).length <= 1800);
  });

  test("links to files that are there", () => {
    const links = [...documentText("README.md").matchAll(/\]\(([^):]+)\)/g)].map(([, path = ""]) => path);
    const root = new URL("../../../", import.meta.url);
    assert.deepEqual(
      links.filter((path) => !existsSync(new URL(path, root))),
      [],
    );
    assert.equal(links.includes("bench/results.svg"), true);
  });

  test("and doc/table.md have tables that are tables", async () => {
    assert.equal(tablesOf("README.md").length, 1);
    assert.equal(tablesOf("doc/table.md").length, 2);
    for (const path of ["README.md", "doc/table.md"] as const) {
      for (const text of tablesOf(path)) await parseTable(text, path);
    }
  });
});

describe("doc/table.md", () => {
  test("has the hosts of the SSH book's script in its table, after one that resolves nowhere", async () => {
    const table = await parseTable(exampleTable(), "table.md");
    assert.deepEqual(table.hosts[0]?.match, ["work"]);
    assert.deepEqual(await command("work", "imap"), { kind: "auto" });
    assert.deepEqual(await command("mail.isp.com", "imap"), { kind: "line", line: "cd ~/bin; exec imapd" });
    assert.deepEqual(await command("clueful.isp.com", "pop"), { kind: "line", line: "exec /etc/rpopd" });
  });
});

describeForms("doc/troubleshooting.md", (form) => {
  test("shows what --explain prints about the table of doc/table.md", () => {
    using home = makeHome();
    home.writeTable(exampleTable());
    const shown = shownOutput("preauth --explain work");
    const printed = output(form, home, "--explain", "work");
    assert.deepEqual(names(shown), names(printed));
    const placed = (lines: readonly string[]) => lines.filter((line) => / hosts\.toml:\d+:\d+$/.test(line));
    const words = (lines: readonly string[]) => lines.map((line) => line.replace(/ {2,}/g, "  "));
    assert.deepEqual(words(placed(shown)), words(placed(printed)));
  });

  test("shows what --status and --stop print", { timeout: 60_000 }, async () => {
    const port = await refusingPort();
    await using scene = await startScene(form, {
      host: { match: "work", spare: 1 },
      table: `[[forward]]\nname = "smtp"\nlisten = ${port}\nto = "mail:25"\n`,
    });
    await scene.open({ server: "work" });
    await scene.open({ server: "work" });
    await scene.statusOnce(
      ({ connections: [one], forwards }) =>
        one?.spare === 1 && one.roundTrip !== undefined && forwards.length === 1,
      "a spare mailbox, a round-trip time and the forward",
    );
    const printed = output(form, scene.home, "--status").map((line) => line.replaceAll(String(port), "2025"));
    assert.deepEqual(columns(shownOutput("preauth --status")), columns(printed));
    const stopped = output(form, scene.home, "--stop");
    const ended = output(form, scene.home, "--stop", "--now");
    assert.deepEqual(shownOutput("preauth --stop"), [...stopped, "$ preauth --stop --now", ...ended]);
  });

  test("shows the steps and the last lines of --check", { timeout: 60_000 }, async () => {
    using home = makeHome();
    using mailbox = makeMailbox();
    await using sshd = await startSshd();
    home.writeTable(tableFor(sshd, { match: "work", "commands.imap": mailbox.command }));
    home.write(".pinerc", `rsh-path=${rshPath(home, form.argv)}\ninbox-path={work}INBOX\n`);
    const shown = shownOutput("preauth --check work");
    const printed = output(form, home, "--check", "work");
    assert.deepEqual(names(shown), names(printed));
    const last = (lines: readonly string[]) => lines.slice(-4).map((line) => line.replace(/[\d.]+ s,/, "T,"));
    assert.deepEqual(last(shown), last(printed));
  });

  test("and the README show a --check that fails, to the letter but for names and numbers", async () => {
    using home = makeHome();
    await using sshd = await startSshd();
    home.writeTable(tableFor(sshd, { match: "work", known_hosts: sshd.knownHostsFile("empty") }));
    home.write(".pinerc", `rsh-path=${rshPath(home, form.argv)}\ninbox-path={work}INBOX\n`);
    const [program = "", ...words] = [...form.argv, "--check", "work"];
    const { stdout, stderr } = spawnSync(program, words, { env: home.env, encoding: "utf8" });
    const printed = `${stdout}${stderr}`.trimEnd().split("\n").map(anonymous);
    const [, failing] = shownOutputs("doc/troubleshooting.md", "preauth --check work");
    const [readme] = shownOutputs("README.md", "preauth --check work");
    assert.deepEqual(failing?.map(anonymous), printed);
    assert.deepEqual(readme, failing);
  });
});
