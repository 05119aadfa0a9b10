import assert from "node:assert/strict";
import { test } from "node:test";
import { decide } from "../../../src/table/decide.ts";
import { parseTable } from "../../../src/table/schema.ts";
import { forwardProblem, problems } from "./refused.ts";

const PLACE = 'a port from 1 to 65535, an absolute path of a socket, or one that begins with "~/"';

const FORWARD_PROBLEMS: readonly (readonly [line: string, problem: string])[] = [
  ['name = ""', '2:8: name must be a name, not ""'],
  ["listen = 0", `2:10: listen must be ${PLACE}, not 0`],
  ['listen = "2025"', `2:10: listen must be ${PLACE}, not "2025"`],
  // Always both loopbacks, and nothing else: two of these cannot be one place.
  ['listen = "localhost:2025"', `2:10: listen must be ${PLACE}, not "localhost:2025"`],
  ['listen = "127.0.0.1:2025"', `2:10: listen must be ${PLACE}, not "127.0.0.1:2025"`],
  ['listen = "[::1]:2025"', `2:10: listen must be ${PLACE}, not "[::1]:2025"`],
  ['listen = "*:2025"', `2:10: listen must be ${PLACE}, not "*:2025"`],
  ['to = "mail"', '2:6: to must be HOST:PORT, as in "mail:25" or "[::1]:25", not "mail"'],
  ['to = "mail:0"', '2:6: to must be HOST:PORT, as in "mail:25" or "[::1]:25", not "mail:0"'],
  ['to = "mail:65536"', '2:6: to must be HOST:PORT, as in "mail:25" or "[::1]:25", not "mail:65536"'],
  ['to = "::1:25"', '2:6: to must be HOST:PORT, as in "mail:25" or "[::1]:25", not "::1:25"'],
  ['to = "[mail]:25"', '2:6: to must be HOST:PORT, as in "mail:25" or "[::1]:25", not "[mail]:25"'],
  ['to = "-x:25"', '2:6: to must be HOST:PORT, as in "mail:25" or "[::1]:25", not "-x:25"'],
  ['to = ":25"', '2:6: to must be HOST:PORT, as in "mail:25" or "[::1]:25", not ":25"'],
  ["to = 25", '2:6: to must be HOST:PORT, as in "mail:25" or "[::1]:25", not 25'],
  ["via = []", '2:7: via must be a glob, as in "*.isp.com" or "!www.isp.com", or a list of them, not []'],
  ['via = "!"', '2:7: via must be a glob, as in "*.isp.com" or "!www.isp.com", not "!"'],
  ['unless = "home.net"', '2:10: unless must be a table, not "home.net"'],
  ['unless.domain = ""', '2:17: unless.domain must be a domain, not ""'],
  ["unless.domain = []", "2:17: unless.domain must be a domain, or a list of them, not []"],
  ["unless.reachable = 1", '2:20: unless.reachable must be HOST:PORT, as in "mail:25" or "[::1]:25", not 1'],
  ['allow = "any"', '2:9: allow must be "same-user" or "any-user", not "any"'],
];

for (const [line, problem] of FORWARD_PROBLEMS) {
  test(`in a [[forward]], ${JSON.stringify(line)} is refused at its place`, async () => {
    assert.equal(await forwardProblem(line), problem);
  });
}

test("a forward without a name, a port or a target is refused", async () => {
  assert.deepEqual(await problems("\n[[forward]]\n"), [
    "2:1: [[forward]] has no name",
    "2:1: [[forward]] has no listen",
    "2:1: [[forward]] has no to, and no method",
  ]);
});

test("the tilde of a socket's path is the home", async () => {
  const table = (path: string): string =>
    `[[forward]]\nname = "a"\nlisten = ${JSON.stringify(path)}\nto = "h:25"\n`;
  for (const [path, whole] of [
    ["~/run/inbox", "/home/jane $&/run/inbox"],
    ["/run/~/inbox", "/run/~/inbox"],
  ] as const) {
    const { forwards } = await parseTable(table(path), "t", { home: "/home/jane $&" });
    assert.equal(forwards[0]?.listen, whole);
  }
});

test("two forwards on one port, one path or with one name are refused", async () => {
  const forward = (name: string, listen: string): string =>
    `[[forward]]\nname = "${name}"\nlisten = ${listen}\nto = "h:25"\n`;
  assert.deepEqual(await problems(forward("a", "2025") + forward("b", "2_025")), [
    "7:10: listen 2025 is taken: [[forward]] number 1 has it",
  ]);
  assert.deepEqual(await problems(forward("a", '"/run/x"') + forward("b", '"/run//./x"')), [
    '7:10: listen "/run//./x" is taken: [[forward]] number 1 has it',
  ]);
  assert.deepEqual(await problems(forward("a", '"~/a/x"') + forward("b", '"~/a/../a/x/"')), [
    '7:10: listen "~/a/../a/x/" is taken: [[forward]] number 1 has it',
  ]);
  assert.deepEqual(await problems(forward("a", "1") + forward("b", "2") + forward("b", "3")), [
    '10:8: name "b" is taken: [[forward]] number 2 has it',
  ]);
});

const METHOD_PROBLEMS: readonly (readonly [lines: string, problem: string])[] = [
  ['method = "imap"\nvia = "a"\nto = "h:25"', "4:1: [[forward]] has a method and a to"],
  ['method = "imap"', "1:1: [[forward]] has a method, and no via that names its SERVER"],
  [
    'method = "imap"\nvia = "*.isp.com"',
    '5:7: via must name exactly one SERVER when there is a method, not "*.isp.com"',
  ],
  ['method = "imap"\nvia = "a?"', '5:7: via must name exactly one SERVER when there is a method, not "a?"'],
  ['method = "imap"\nvia = "!a"', '5:7: via must name exactly one SERVER when there is a method, not "!a"'],
  [
    'method = "imap"\nvia = ["a", "b"]',
    '5:7: via must name exactly one SERVER when there is a method, not ["a", "b"]',
  ],
  ['method = "imap"\nvia = "a b"', '5:7: via must name exactly one SERVER when there is a method, not "a b"'],
  [
    'method = "imap"\nvia = []',
    '5:7: via must be a glob, as in "*.isp.com" or "!www.isp.com", or a list of them, not []',
  ],
  ['method = "IMAP"\nvia = "a"', '4:10: method must be a METHOD, as in "imap", not "IMAP"'],
  ['method = 1\nvia = "a"', '4:10: method must be a METHOD, as in "imap", not 1'],
];

for (const [lines, problem] of METHOD_PROBLEMS) {
  test(`a forward with ${JSON.stringify(lines)} is refused at its place`, async () => {
    assert.deepEqual(await problems(`[[forward]]\nname = "n"\nlisten = 1143\n${lines}\n`), [problem]);
  });
}

test("a forward to a METHOD has what its one SERVER runs for it", async () => {
  const forward = '[[forward]]\nname = "n"\nlisten = 1143\nmethod = "imap"\nvia = ["WORK."]\n';
  const table = await parseTable(`[[host]]\nmatch = "work"\ncommand = "r{method}d"\n${forward}`, "t");
  const decision = await decide(table, { server: "work", method: "smtp" });
  const from = { kind: "table", path: ["host", 0, "command"] };
  assert.deepEqual(decision?.forwards, [
    {
      name: "n",
      listen: 1143,
      via: ["WORK."],
      unless: {},
      allow: "same-user",
      method: "imap",
      command: { value: { kind: "line", line: "rimapd" }, from },
    },
  ]);
});
