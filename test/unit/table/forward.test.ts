import assert from "node:assert/strict";
import { test } from "node:test";
import { forwardProblem, problems } from "./refused.ts";

const FORWARD_PROBLEMS: readonly (readonly [line: string, problem: string])[] = [
  ['name = ""', '2:8: name must be a name, not ""'],
  ["listen = 0", "2:10: listen must be a port from 1 to 65535 or the absolute path of a socket, not 0"],
  [
    'listen = "2025"',
    '2:10: listen must be a port from 1 to 65535 or the absolute path of a socket, not "2025"',
  ],
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
    "2:1: [[forward]] has no to",
  ]);
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
  assert.deepEqual(await problems(forward("a", "1") + forward("b", "2") + forward("b", "3")), [
    '10:8: name "b" is taken: [[forward]] number 2 has it',
  ]);
});
