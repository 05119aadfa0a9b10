import assert from "node:assert/strict";
import { test } from "node:test";
import { decide } from "../../../src/table/decide.ts";
import type { Command, Decision, Settled } from "../../../src/table/decision.ts";
import { parseTable } from "../../../src/table/schema.ts";
import { SAMPLE } from "./sample.ts";

async function decided(text: string, server: string, method = "imap", user?: string): Promise<Decision> {
  const decision = await decide(await parseTable(text, "hosts.toml"), { server, user, method });
  assert.ok(decision, `${server} should be in the table`);
  return decision;
}

async function command(text: string, method = "imap"): Promise<Settled<Command> | undefined> {
  return (await decided(text, "h", method)).command;
}

const inTable = (...path: (string | number)[]) => ({ kind: "table", path }) as const;

test("both hosts of the SSH book's connection script run their own imapd", async () => {
  const mail = await decided(SAMPLE, "mail.isp.com", "imap", "joe");
  assert.deepEqual(mail.command, {
    value: { kind: "line", line: "cd ~/bin; exec imapd" },
    from: inTable("host", 0, "commands", "imap"),
  });
  const clueful = await decided(SAMPLE, "clueful.isp.com", "imap", "joe");
  assert.deepEqual(clueful.command, {
    value: { kind: "line", line: "exec /etc/rimapd" },
    from: inTable("host", 1, "command"),
  });
  assert.equal(
    await decide(await parseTable(SAMPLE, "t"), { server: "other.isp.com", method: "imap" }),
    undefined,
  );
});

test("a METHOD can be a port on the server, at which nobody logs in unless the table says so", async () => {
  const lines = 'imap = { to = "localhost:143", login = "client" }, imaps = { to = "[::1]:993" }';
  const table = `[[host]]\nmatch = "h"\ncommands = { ${lines} }\n`;
  const to = { host: "localhost", port: 143 };
  assert.deepEqual(await command(table), {
    value: { kind: "port", to, login: "client" },
    from: inTable("host", 0, "commands", "imap"),
  });
  const imaps = { kind: "port", to: { host: "::1", port: 993 }, login: "nobody" };
  assert.deepEqual((await command(table, "imaps"))?.value, imaps);
  assert.equal(await command(table, "smtp"), undefined);
});

test("what a host leaves out comes from the call, ssh_config, or the usual values", async () => {
  const decision = await decided('[[host]]\nmatch = "MAIL.isp.com."\n', "mail.isp.com", "imap", "joe");
  assert.deepEqual(decision, {
    server: "mail.isp.com",
    method: "imap",
    host: 0,
    destination: { value: "mail.isp.com", from: { kind: "call" } },
    user: { value: "joe", from: { kind: "call" } },
    port: undefined,
    identity: undefined,
    sshConfig: undefined,
    knownHosts: undefined,
    compression: undefined,
    onFailure: { value: "refuse", from: { kind: "default" } },
    deadline: { value: 10_000, from: { kind: "default" } },
    share: { value: true, from: { kind: "default" } },
    persist: { value: 600_000, from: { kind: "default" } },
    spare: { value: 0, from: { kind: "default" } },
    command: { value: { kind: "auto" }, from: { kind: "default" } },
    forwards: [],
  });
});

test("what a host says is taken with the place where it stands", async () => {
  const decision = await decided(SAMPLE, "WORK", "smtp", "joe");
  assert.deepEqual(decision, {
    server: "WORK",
    method: "smtp",
    host: 2,
    destination: { value: "imap.example.org", from: inTable("host", 2, "server") },
    user: { value: "jane", from: inTable("host", 2, "user") },
    port: { value: 2222, from: inTable("host", 2, "port") },
    identity: { value: ["~/.ssh/work"], from: inTable("host", 2, "identity") },
    sshConfig: { value: "none", from: inTable("host", 2, "ssh_config") },
    knownHosts: {
      value: ["~/.ssh/known_hosts", "/etc/ssh/ssh_known_hosts"],
      from: inTable("host", 2, "known_hosts"),
    },
    compression: { value: true, from: inTable("host", 2, "compression") },
    onFailure: { value: "tell", from: inTable("host", 2, "on_failure") },
    deadline: { value: 10_000, from: inTable("defaults", "deadline") },
    share: { value: false, from: inTable("host", 2, "share") },
    persist: { value: "forever", from: inTable("host", 2, "persist") },
    spare: { value: 1, from: inTable("host", 2, "spare") },
    command: {
      value: { kind: "line", line: "exec /usr/sbin/sendmail -bs" },
      from: inTable("host", 2, "commands", "smtp"),
    },
    forwards: [
      {
        name: "nntp",
        listen: "~/.news",
        to: { host: "2001:db8::1", port: 119 },
        unless: {},
        allow: "same-user",
      },
    ],
  });
});

test("[defaults] stands in for every key of a host, and a host's own key wins, false and 0 too", async () => {
  const defaults =
    '[defaults]\nserver = "gate"\nuser = "jane"\nport = 23\nshare = true\nspare = 1\npersist = "1h"\ncompression = true\n';
  const host = '[[host]]\nmatch = "h"\n';
  const decision = await decided(defaults + host, "h", "imap", "joe");
  assert.deepEqual(decision.destination, { value: "gate", from: inTable("defaults", "server") });
  assert.deepEqual(decision.user, { value: "jane", from: inTable("defaults", "user") });
  assert.deepEqual(decision.port, { value: 23, from: inTable("defaults", "port") });
  const own = await decided(
    `${defaults + host}share = false\nspare = 0\npersist = "0"\ncompression = false\n`,
    "h",
  );
  assert.deepEqual(own.share, { value: false, from: inTable("host", 0, "share") });
  assert.deepEqual(own.spare, { value: 0, from: inTable("host", 0, "spare") });
  assert.deepEqual(own.persist, { value: 0, from: inTable("host", 0, "persist") });
  assert.deepEqual(own.compression, { value: false, from: inTable("host", 0, "compression") });
});

test("the first host that matches wins", async () => {
  const text = '[[host]]\nmatch = ["*", "!b"]\nuser = "one"\n[[host]]\nmatch = "*"\nuser = "two"\n';
  assert.equal((await decided(text, "a")).user?.value, "one");
  assert.equal((await decided(text, "b")).user?.value, "two");
});

test("a verb without a user gets the table's, or none", async () => {
  assert.equal((await decided(SAMPLE, "mail.isp.com")).user, undefined);
  assert.equal((await decided(SAMPLE, "work")).user?.value, "jane");
});

test("the command is the host's for the METHOD, the host's, then the same two of [defaults], then the search", async () => {
  const levels = [
    { line: 'commands.imap = "1"', from: inTable("host", 0, "commands", "imap") },
    { line: 'command = "2"', from: inTable("host", 0, "command") },
    { line: 'commands.imap = "3"', from: inTable("defaults", "commands", "imap") },
    { line: 'command = "4"', from: inTable("defaults", "command") },
  ];
  for (let left = 0; left < levels.length; left++) {
    const lines = levels.map(({ line }, index) => (index < left ? "" : line));
    const text = `[defaults]\n${lines.slice(2).join("\n")}\n[[host]]\nmatch = "h"\n${lines.slice(0, 2).join("\n")}\n`;
    const settled = await command(text);
    assert.deepEqual(settled, { value: { kind: "line", line: String(left + 1) }, from: levels[left]?.from });
  }
  assert.deepEqual(await command('[[host]]\nmatch = "h"\n'), {
    value: { kind: "auto" },
    from: { kind: "default" },
  });
});

test("a METHOD other than imap has no command unless the table has one", async () => {
  const text = '[[host]]\nmatch = "h"\ncommands.imap = "x"\n';
  assert.equal(await command(text, "smtp"), undefined);
  assert.equal(await command(text, "constructor"), undefined);
  assert.equal((await command(`${text}commands.constructor = "y"\n`, "constructor"))?.value.kind, "line");
});

test("{method} is replaced wherever it stands, and nothing else is", async () => {
  const text = '[[host]]\nmatch = "h"\ncommand = "{method} $& {Method} {user} r{method}d {{method}}"\n';
  assert.deepEqual((await command(text, "smtp"))?.value, {
    kind: "line",
    line: "smtp $& {Method} {user} rsmtpd {smtp}",
  });
});

test("a host can go back to the search where [defaults] names a command", async () => {
  const text = '[defaults]\ncommand = "x"\n[[host]]\nmatch = "h"\ncommands.imap = "auto"\n';
  assert.deepEqual(await command(text), {
    value: { kind: "auto" },
    from: inTable("host", 0, "commands", "imap"),
  });
});

test("only imap can be searched for", async () => {
  const table = { file: "t", defaults: {}, hosts: [{ match: ["h"], command: "auto" }], forwards: [] };
  const found = async (method: string) => (await decide(table, { server: "h", method }))?.command?.value;
  assert.deepEqual(await found("imap"), { kind: "auto" });
  assert.deepEqual(await found("smtp"), { kind: "line", line: "auto" });
});

test("a decision has the forwards whose via matches the server, and those without", async () => {
  const forward = (name: string, port: number, via: string) =>
    `[[forward]]\nname = "${name}"\nlisten = ${port}\nto = "mail:25"\n${via}`;
  const table = `[[host]]\nmatch = "*"\n${forward("smtp", 2025, 'via = "*.isp.com"\n')}${forward("nntp", 2119, "")}`;
  const names = async (server: string) =>
    (await decided(table, server, "imap", "joe")).forwards.map(({ name }) => name);
  assert.deepEqual(await names("mail.isp.com"), ["smtp", "nntp"]);
  assert.deepEqual(await names("work"), ["nntp"]);
});
