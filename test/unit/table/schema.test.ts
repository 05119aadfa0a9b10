import assert from "node:assert/strict";
import { test } from "node:test";
import { parseTable } from "../../../src/table/schema.ts";
import { forwardProblem, hostProblem, problems } from "./refused.ts";
import { SAMPLE } from "./sample.ts";

test("every key of the manual is read", async () => {
  assert.deepEqual(await parseTable(SAMPLE, "hosts.toml"), {
    file: "hosts.toml",
    defaults: { deadline: 10_000 },
    hosts: [
      { match: ["mail.isp.com"], commands: { imap: "cd ~/bin; exec imapd" } },
      { match: ["clueful.isp.com", "*.clueful.isp.com"], command: "exec /etc/r{method}d" },
      {
        match: ["work"],
        server: "imap.example.org",
        user: "jane",
        port: 2222,
        identity: ["~/.ssh/work"],
        ssh_config: "none",
        known_hosts: ["~/.ssh/known_hosts", "/etc/ssh/ssh_known_hosts"],
        compression: true,
        on_failure: "tell",
        share: false,
        persist: "forever",
        spare: 1,
        commands: { imap: "auto", smtp: "exec /usr/sbin/sendmail -bs" },
      },
    ],
    forwards: [
      {
        name: "smtp",
        listen: 2025,
        to: { host: "mail", port: 25 },
        via: ["*.isp.com"],
        unless: { domain: ["home.net"], reachable: { host: "mail", port: 25 } },
        allow: "same-user",
      },
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

test("an empty table is a table", async () => {
  for (const text of ["", "\n# nothing yet\n", "\ufeff", "[defaults]\n", "host = []\nforward = []\n"]) {
    const { hosts, forwards, defaults } = await parseTable(text, "hosts.toml");
    assert.deepEqual({ hosts, forwards, defaults }, { hosts: [], forwards: [], defaults: {} });
  }
});

test("tables may be written inline, keys quoted, line ends CRLF, and a byte order mark in front", async () => {
  const text = '\ufeff"host" = [{ match = ["a"], commands = { "imap" = \'x\' } }]\r\n';
  const { hosts } = await parseTable(text, "hosts.toml");
  assert.deepEqual(hosts, [{ match: ["a"], commands: { imap: "x" } }]);
});

test("a command may have several lines", async () => {
  const { hosts } = await parseTable(
    '[[host]]\nmatch = "h"\ncommand = """\ncd ~/bin\n\texec imapd"""\n',
    "t",
  );
  assert.equal(hosts[0]?.command, "cd ~/bin\n\texec imapd");
});

test("what is not TOML is refused where the parser stopped, with the line", async () => {
  assert.deepEqual(await problems('[[host]]\nmatch = "a\n'), [
    "2:11: control characters are not allowed in strings: 'match = \"a'",
  ]);
  assert.deepEqual(await problems("[[host]]\n  port 22\n"), ['2:8: illegal character in key: "port 22"']);
  assert.deepEqual(await problems("[[host]]\nport = 1\nport = 2\n"), [
    '3:1: trying to redefine an already defined table or value: "port = 2"',
  ]);
  assert.deepEqual(await problems("\ufeffport = \n"), ['1:8: invalid value: "port ="']);
  assert.deepEqual(await problems("x = [\n"), ['2:1: invalid value, after "x = ["']);
  assert.deepEqual(await problems("a = '\u{1f4ea}' x\n"), [
    "1:10: each key-value declaration must be followed by an end-of-line: \"a = '\u{1f4ea}' x\"",
  ]);
});

test("a key that is not known is refused at its place, and a slip of the finger is named", async () => {
  assert.deepEqual(await problems("hosts = 1\n"), [
    '1:1: "hosts" is not a key of the table; did you mean "host"?',
  ]);
  assert.deepEqual(await problems("[default]\n"), [
    '1:1: "default" is not a key of the table; did you mean "defaults"?',
  ]);
  assert.deepEqual(await problems('[defaults]\nmatch = "h"\n'), ['2:1: "match" is not a key of [defaults]']);
  assert.equal(await hostProblem("  prot = 1"), '3:3: "prot" is not a key of [[host]]; did you mean "port"?');
  assert.equal(await hostProblem("Port = 1"), '3:1: "Port" is not a key of [[host]]; did you mean "port"?');
  assert.equal(
    await hostProblem('known-hosts = "/x"'),
    '3:1: "known-hosts" is not a key of [[host]]; did you mean "known_hosts"?',
  );
  assert.equal(await hostProblem("passwort = 1"), '3:1: "passwort" is not a key of [[host]]');
  assert.equal(
    await forwardProblem('unless.domian = "x"'),
    '2:8: "domian" is not a key of unless; did you mean "domain"?',
  );
  assert.equal(await forwardProblem("port = 1"), '2:1: "port" is not a key of [[forward]]');
});

test("keys that every object has are as unknown as others", async () => {
  for (const key of ["__proto__", "constructor", "toString", "hasOwnProperty"]) {
    assert.deepEqual(await problems(`${key} = 1\n`), [`1:1: "${key}" is not a key of the table`]);
    assert.deepEqual(await problems(`[${key}]\nx = 1\n`), [`1:1: "${key}" is not a key of the table`]);
    assert.equal(await hostProblem(`${key}.x = 1`), `3:1: "${key}" is not a key of [[host]]`);
    assert.equal(await forwardProblem(`unless.${key} = 1`), `2:8: "${key}" is not a key of unless`);
  }
  assert.equal(await hostProblem('commands.__proto__ = "x"'), '3:10: "__proto__" is not a METHOD');
});

test("tables that are not written as they should be are refused", async () => {
  assert.deepEqual(await problems('[host]\nmatch = "h"\n'), [
    "1:1: host must be written as [[host]], not [host]",
  ]);
  assert.deepEqual(await problems("[[defaults]]\n"), ["1:1: defaults must be a table, not [[defaults]]"]);
  assert.deepEqual(await problems("[forward]\n"), [
    "1:1: forward must be written as [[forward]], not [forward]",
  ]);
  assert.deepEqual(await problems("defaults = 1979-05-27\n"), [
    "1:12: defaults must be a table, not 1979-05-27",
  ]);
  assert.deepEqual(await problems('host = ["mail"]\n'), ['1:9: host must be a table, not "mail"']);
});

test("all problems are told, in the order of the file", async () => {
  assert.deepEqual(await problems('port = 1\n[[host]]\nmatch = "h"\nspare = 3\n[defaults]\nport = 0\n'), [
    '1:1: "port" is not a key of the table',
    "4:9: spare must be 0 or 1, not 3",
    "6:8: port must be a port from 1 to 65535, not 0",
  ]);
});

test("text that does not fit on a line is quoted up to its end", async () => {
  assert.equal(
    await hostProblem('server = """a\nb"""'),
    '3:10: server must be a host name, an address, or an alias of ssh_config, not """a...',
  );
});
