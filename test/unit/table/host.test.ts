import assert from "node:assert/strict";
import { test } from "node:test";
import { hostProblem, problems } from "./refused.ts";

const HOST_PROBLEMS: readonly (readonly [line: string, problem: string])[] = [
  ["server = 3", "3:10: server must be a host name, an address, or an alias of ssh_config, not 3"],
  ['server = ""', '3:10: server must be a host name, an address, or an alias of ssh_config, not ""'],
  [
    'server = "-oProxyCommand=x"',
    '3:10: server must be a host name, an address, or an alias of ssh_config, not "-oProxyCommand=x"',
  ],
  ["server = 'a;b'", "3:10: server must be a host name, an address, or an alias of ssh_config, not 'a;b'"],
  ['user = ""', '3:8: user must be a login name, not ""'],
  ['user = "-l"', '3:8: user must be a login name, not "-l"'],
  ['user = ["jane"]', '3:8: user must be a login name, not ["jane"]'],
  ['port = "22"', '3:8: port must be a port from 1 to 65535, not "22"'],
  ["port = 22.0", "3:8: port must be a port from 1 to 65535, not 22.0"],
  ["port = 0", "3:8: port must be a port from 1 to 65535, not 0"],
  ["port = 65536", "3:8: port must be a port from 1 to 65535, not 65536"],
  ["port = -1", "3:8: port must be a port from 1 to 65535, not -1"],
  ["port = 0x1_0000_0000_0000_0000", "3:8: port must be a port from 1 to 65535, not 0x1_0000_0000_0000_0000"],
  ["port.ssh = 22", "3:1: port must be a port from 1 to 65535, not port.ssh = 22"],
  ["[host.port]", "3:1: port must be a port from 1 to 65535, not [host.port]"],
  [
    "identity = []",
    '3:12: identity must be an absolute path or one that begins with "~/", or a list of them, not []',
  ],
  [
    "identity = 1",
    '3:12: identity must be an absolute path or one that begins with "~/", or a list of them, not 1',
  ],
  ['identity = ""', '3:12: identity must be an absolute path or one that begins with "~/", not ""'],
  ['identity = "id"', '3:12: identity must be an absolute path or one that begins with "~/", not "id"'],
  [
    'identity = "~bob/id"',
    '3:12: identity must be an absolute path or one that begins with "~/", not "~bob/id"',
  ],
  [
    'identity = ["/a",\n  "b"]',
    '4:3: identity must be an absolute path or one that begins with "~/", not "b"',
  ],
  [
    'identity = "/a\\u0000"',
    '3:12: identity must be an absolute path or one that begins with "~/", not "/a\\u0000"',
  ],
  [
    'known_hosts = "none"',
    '3:15: known_hosts must be an absolute path or one that begins with "~/", not "none"',
  ],
  [
    'ssh_config = "config"',
    '3:14: ssh_config must be an absolute path, one that begins with "~/", or "none", not "config"',
  ],
  ['compression = "yes"', '3:15: compression must be true or false, not "yes"'],
  ["compression = 1", "3:15: compression must be true or false, not 1"],
  ["share = 1979-05-27", "3:9: share must be true or false, not 1979-05-27"],
  ["share = {}", "3:9: share must be true or false, not {}"],
  ['on_failure = "Refuse"', '3:14: on_failure must be "refuse", "tell" or "silent", not "Refuse"'],
  ['on_failure = ""', '3:14: on_failure must be "refuse", "tell" or "silent", not ""'],
  ["spare = 2", "3:9: spare must be 0 or 1, not 2"],
  ["spare = true", "3:9: spare must be 0 or 1, not true"],
  ["spare = 1.0", "3:9: spare must be 0 or 1, not 1.0"],
  [
    "deadline = 10",
    '3:12: deadline must be a time above zero and up to 596h, as in "10s" (ms, s, m or h), not 10',
  ],
  [
    'deadline = "0s"',
    '3:12: deadline must be a time above zero and up to 596h, as in "10s" (ms, s, m or h), not "0s"',
  ],
  [
    'deadline = "9999h"',
    '3:12: deadline must be a time above zero and up to 596h, as in "10s" (ms, s, m or h), not "9999h"',
  ],
  [
    'persist = "1d"',
    '3:11: persist must be a time of up to 596h, as in "10m" (ms, s, m or h), "0", or "forever", not "1d"',
  ],
  [
    "persist = 0",
    '3:11: persist must be a time of up to 596h, as in "10m" (ms, s, m or h), "0", or "forever", not 0',
  ],
  ['command = " "', '3:11: command must be a command line ("auto" is for commands.imap), not " "'],
  ['command = "auto"', '3:11: command must be a command line ("auto" is for commands.imap), not "auto"'],
  [
    'command = "a\\u0000"',
    '3:11: command must be a command line ("auto" is for commands.imap), not "a\\u0000"',
  ],
  [
    'command = "a\\r\\nb"',
    '3:11: command must be a command line ("auto" is for commands.imap), not "a\\r\\nb"',
  ],
  ['commands = "x"', '3:12: commands must be a table, as in commands.imap = "auto", not "x"'],
  [
    'commands.imap = ""',
    '3:17: commands.imap must be a command line, "auto", or a port, as in { to = "localhost:143" }, not ""',
  ],
  [
    'commands.smtp = "auto"',
    '3:17: commands.smtp must be a command line ("auto" is for commands.imap), or a port, as in { to = "localhost:143" }, not "auto"',
  ],
  [
    "commands.constructor = []",
    '3:24: commands.constructor must be a command line ("auto" is for commands.imap), or a port, as in { to = "localhost:143" }, not []',
  ],
  ['commands.IMAP = "x"', '3:10: "IMAP" is not a METHOD'],
  ["commands.imap = {}", '3:17: commands.imap has no to, as in commands.imap = { to = "localhost:143" }'],
  [
    'commands.imap.login = "client"',
    '3:1: commands.imap has no to, as in commands.imap = { to = "localhost:143" }',
  ],
  [
    'commands.imap = { to = "localhost" }',
    '3:24: commands.imap.to must be HOST:PORT, as in "mail:25" or "[::1]:25", not "localhost"',
  ],
  [
    "commands.imap = { to = 143 }",
    '3:24: commands.imap.to must be HOST:PORT, as in "mail:25" or "[::1]:25", not 143',
  ],
  [
    'commands.imap.to = "mail:70000"',
    '3:20: commands.imap.to must be HOST:PORT, as in "mail:25" or "[::1]:25", not "mail:70000"',
  ],
  [
    'commands.imap = { to = "mail:143", login = "me" }',
    '3:44: commands.imap.login must be "client", not "me"',
  ],
  [
    'commands.imap = { to = "mail:143", login = true }',
    '3:44: commands.imap.login must be "client", not true',
  ],
  [
    'commands.imap = { to = "mail:143", loggin = "client" }',
    '3:36: "loggin" is not a key of commands.imap; did you mean "login"?',
  ],
];

for (const [line, problem] of HOST_PROBLEMS) {
  test(`in a [[host]], ${JSON.stringify(line)} is refused at its place`, async () => {
    assert.equal(await hostProblem(line), problem);
    const [inDefaults] = await problems(`[defaults]\n\n${line.replace("[host.", "[defaults.")}\n`);
    assert.equal(inDefaults, problem.replace("[host.", "[defaults."));
  });
}

const MATCH_PROBLEMS: readonly (readonly [line: string, problem: string])[] = [
  ["", "1:1: [[host]] has no match"],
  ["match = 1", '2:9: match must be a glob, as in "*.isp.com" or "!www.isp.com", or a list of them, not 1'],
  ["match = []", '2:9: match must be a glob, as in "*.isp.com" or "!www.isp.com", or a list of them, not []'],
  ['match = ""', '2:9: match must be a glob, as in "*.isp.com" or "!www.isp.com", not ""'],
  ['match = "!"', '2:9: match must be a glob, as in "*.isp.com" or "!www.isp.com", not "!"'],
  ['match = ["a", ""]', '2:15: match must be a glob, as in "*.isp.com" or "!www.isp.com", not ""'],
  ['match = [["a"]]', '2:10: match must be a glob, as in "*.isp.com" or "!www.isp.com", not ["a"]'],
  ['match = "a\\n"', '2:9: match must be a glob, as in "*.isp.com" or "!www.isp.com", not "a\\n"'],
];

for (const [line, problem] of MATCH_PROBLEMS) {
  test(`a [[host]] with ${line === "" ? "no match" : JSON.stringify(line)} is refused`, async () => {
    assert.deepEqual(await problems(`[[host]]\n${line}\n`), [problem]);
  });
}

test("a glob longer than any name is refused, and quoted only so far", async () => {
  const [problem = ""] = await problems(`[[host]]\nmatch = "${"a".repeat(256)}"\n`);
  assert.equal(
    problem,
    `2:9: match must be a glob, as in "*.isp.com" or "!www.isp.com", not "${"a".repeat(79)}...`,
  );
});
