import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { rshPath } from "../../peers/alpine.ts";
import { describeForms, type Form } from "../../peers/binaries.ts";
import { runCall } from "../../peers/call.ts";
import { type Mailbox, makeMailbox } from "../../peers/dovecot.ts";
import { type Home, type HostLines, makeHome, tableFor } from "../../peers/home.ts";
import { makeKey } from "../../peers/keys.ts";
import { type Sshd, startSshd } from "../../peers/sshd.ts";
import { refusingPort } from "../../peers/tcp.ts";
import { manualSection, plain } from "../documents/manual.ts";

/** A document of --json, or a part of it. */
interface Part {
  readonly [name: string]: unknown;
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

/** Runs a verb, and reads its one document. */
async function told(
  form: Form,
  home: Home,
  words: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<{ document: Part; text: string; status: number | null; stderr: string }> {
  const argv = [...form.argv, ...words, "--json"];
  const { status, output, stderr } = await runCall(argv, { env: { ...home.env, ...env }, stdio: "pipes" });
  const text = output.toString();
  assert.match(text, /^\{[\x20-\x7e]*\}\n$/, stderr);
  const document: Part = JSON.parse(text);
  assert.equal(document.status, status);
  return { document, text, status, stderr };
}

function writeTable(home: Home, keys: HostLines, more = ""): void {
  home.writeTable(tableFor(sshd, { match: "work", "commands.imap": mailbox.command, ...keys }) + more);
}

const steps = (document: Part): readonly Part[] => document.steps as readonly Part[];

/** The names in a document, at any depth; what stands in the place of a list's item has none. */
function namesIn(part: unknown): readonly string[] {
  if (Array.isArray(part)) return part.flatMap(namesIn);
  if (typeof part !== "object" || part === null) return [];
  return Object.entries(part).flatMap(([name, value]) => [name, ...namesIn(value)]);
}

/** The names that preauth(1) has for the documents. */
function documentedNames(): ReadonlySet<string> {
  const words = manualSection("JSON DOCUMENTS")
    .filter((line) => /^\.(It )?Li /.test(line))
    .flatMap((line) => plain(line).split(/[ ,]+/));
  return new Set(words.filter((word) => /^[a-z]\w*$/i.test(word) && !["It", "Li"].includes(word)));
}

describeForms("--json", { concurrency: 2 }, (form) => {
  test("--check prints the steps, and what it found beside them, as one document", async () => {
    using home = makeHome();
    const forward = `\n[[forward]]\nname = "smtp"\nlisten = ${await refusingPort()}\nto = "127.0.0.1:${sshd.port}"\n`;
    writeTable(home, {}, forward);
    home.write(
      ".pinerc",
      `rsh-path=${rshPath(home, form.argv)}\ninbox-path={work}INBOX\nrsh-command=%s %s\n`,
    );
    const { document, status, stderr } = await told(form, home, ["--check", "work"]);
    assert.equal(status, 0, stderr);
    assert.deepEqual(
      steps(document).map(({ step, isDone }) => [step, isDone]),
      ["table", "config", "name", "connect", "kex", "hostkey", "auth", "command", "greeting", "select"].map(
        (step) => [step, true],
      ),
    );
    for (const { ms } of steps(document)) assert.equal(typeof ms, "number");
    assert.deepEqual([document.verb, document.server, document.failure], ["check", "work", null]);
    assert.equal(document.alpineWaitsMs, 15_000);
    assert.ok(Number(document.greetedMs) > 0 && Number(document.remarks) > 0);
    assert.match(String((document.forwards as readonly Part[])[0]?.answer), /SSH/);
    assert.match(String((document.pinerc as readonly Part[])[0]?.what), /^rsh-command must have four %s/);
    assert.equal(stderr, "");
  });

  test("--check tells the step that failed, and the failure with its hints", async () => {
    using home = makeHome();
    writeTable(home, { known_hosts: sshd.knownHostsFile("wrong") });
    const { document, status, stderr } = await told(form, home, ["--check", "work"]);
    assert.deepEqual(steps(document).at(-1)?.step, "hostkey");
    assert.equal(steps(document).at(-1)?.isDone, false);
    const { trouble, what, hints } = document.failure as Part;
    assert.equal(trouble, "hostkey");
    assert.match(String(what), /^host key changed/);
    assert.match(String(hints), /ssh-keygen -R/);
    assert.equal(status, 77);
    assert.match(stderr, /^preauth: work: host key changed/);
  });

  test("is ASCII, whatever a server prints: no terminal heeds a part of it", async () => {
    using home = makeHome();
    const words = "B\u00fcro \x1b]0;title\x07 \u009b31m \u202e";
    const octal = [...Buffer.from(words)].map((byte) => `\\${byte.toString(8).padStart(3, "0")}`).join("");
    writeTable(home, { "commands.imap": `printf '${octal}\\n' >&2; exit 3` });
    const { document } = await told(form, home, ["--check", "work"]);
    assert.match(JSON.stringify(document.failure), /B\u00fcro/);
  });

  test("--explain prints each value with its origin, and of a whole table the warnings", async () => {
    using home = makeHome();
    writeTable(home, {}, `\n[[host]]\nmatch = "work"\n`);
    const { document, status } = await told(form, home, ["--explain", "work"]);
    const { port, command } = document.values as Readonly<Record<string, Part>>;
    assert.deepEqual(port, { value: sshd.port, from: "hosts.toml:5:1" });
    assert.deepEqual(command?.value, { kind: "line" });
    assert.equal(status, 0);
    const { document: table } = await told(form, home, ["--explain"]);
    assert.deepEqual([table.hostCount, table.forwardCount], [2, 0]);
    assert.match(String((table.warnings as readonly Part[])[0]?.what), /never reached/);
  });

  test("a table that is wrong, and a server that is not in it, have a document as well", async () => {
    using home = makeHome();
    writeTable(home, {});
    assert.equal((await told(form, home, ["--check", "other"])).status, 1);
    assert.equal((await told(form, home, ["--explain", "other"])).status, 1);
    home.writeTable("[[host]]\nmatch = 1\n");
    for (const verb of ["--check", "--explain"]) {
      const { document, status } = await told(form, home, [verb, "work"]);
      assert.equal((document.failure as Part).trouble, "table");
      assert.equal(status, 78);
    }
  });

  test("has the names that preauth(1) documents, and no others", async () => {
    using home = makeHome();
    const port = await refusingPort();
    const forward = `\n[[forward]]\nname = "smtp"\nlisten = ${port}\nto = "127.0.0.1:${sshd.port}"\n`;
    const other = `${tableFor(sshd, { match: "port", commands: undefined })}commands.imap = { to = "localhost:143" }\n`;
    writeTable(home, {}, `${other}\n[[host]]\nmatch = "work"\n${forward}`);
    home.write(".pinerc", "inbox-path={work}INBOX\n");
    const calls = [
      ["--check", "work"],
      ["--check", "other"],
      ["--explain", "work"],
      ["--explain", "port"],
      ["--explain"],
    ];
    const found = new Set<string>();
    for (const words of calls)
      for (const name of namesIn((await told(form, home, words)).document)) found.add(name);
    writeTable(home, { known_hosts: sshd.knownHostsFile("wrong") });
    for (const name of namesIn((await told(form, home, ["--check", "work"])).document)) found.add(name);
    const names = documentedNames();
    assert.deepEqual(
      [...found].filter((name) => !names.has(name)),
      [],
    );
    // The steps are values, not names.
    const stepNames = [
      "table",
      "config",
      "name",
      "connect",
      "kex",
      "hostkey",
      "auth",
      "command",
      "greeting",
      "select",
    ];
    const missing = [...names].filter(
      (name) => !found.has(name) && !stepNames.includes(name) && name !== "null",
    );
    assert.deepEqual(missing, []);
  });

  test("holds no secret that stands in the table, ssh_config, the environment, a key or what a server prints", async () => {
    using home = makeHome();
    const env = { MAIL_TOKEN: "tok-3141592", LDAP_PASSWORD: "hunter2-envpass", HOME_DIR: "/plain" };
    const locked = makeKey(`${home.path}/locked`, "ed25519", "s3cret-passphrase");
    const proxy = `ProxyCommand sh -c 'echo "proxy says: no to s3cret-proxy and $MAIL_TOKEN" >&2; exit 3' --auth=jane:s3cret-proxy %h\n`;
    const ssh_config = home.write("ssh_config", proxy);
    const command = `TOKEN=s3cret-command; echo "bad password=s3cret-shown for $TOKEN at https://jane:s3cret-url@host/" >&2; exit 3`;
    const planted = /s3cret|tok-3141592|hunter2|BEGIN OPENSSH|passphrase"/;
    const material = readFileSync(locked.path, "utf8").split("\n")[3] ?? "-";
    for (const keys of [{ ssh_config }, { "commands.imap": command }, { identity: locked.path }]) {
      writeTable(home, keys);
      for (const verb of ["--check", "--explain"]) {
        const { text, stderr } = await told(form, home, [verb, "work"], env);
        assert.doesNotMatch(text, planted);
        assert.equal(text.includes(material), false);
        if (verb === "--check") assert.notEqual(stderr, "", "it fails, and says why");
      }
    }
  });
});
