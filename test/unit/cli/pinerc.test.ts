import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { obstaclesIn, openTimeout, parsePinerc } from "../../../src/cli/pinerc.ts";

const good = `# comment {ssl.example.org/ssl}
rsh-path=/usr/local/bin/preauth
rsh-command=%s %s %s %s
inbox-path={work}INBOX
folder-collections="Mail" {work/user=jane}mail/[],
    {other.example.org/ssl}[]
`;

function obstacles(text: string, deadline = 10_000): string[] {
  return obstaclesIn(parsePinerc(text), {
    isServer: (host) => host === "work",
    isExecutable: (path) => path === "/usr/local/bin/preauth",
    deadline,
  }).map(({ line, what }) => `${line ?? "-"}: ${what}`);
}

describe("a .pinerc", () => {
  test("gives its remote mailboxes with their lines, comments left out", () => {
    assert.deepEqual(parsePinerc(good).mailboxes, [
      { spec: "work", host: "work", line: 4 },
      { spec: "work/user=jane", host: "work", line: 5 },
      { spec: "other.example.org/ssl", host: "other.example.org", line: 6 },
    ]);
  });

  test("that is right has no obstacles", () => assert.deepEqual(obstacles(good), []));

  for (const [line, obstacle] of [
    ["inbox-path={work:143}INBOX", '4: ":143" in {work:143} makes Alpine go direct'],
    ["inbox-path={work/ssl}INBOX", '4: "/ssl" in {work/ssl} makes Alpine go direct'],
    ["inbox-path={work/user=jane/TLS}INBOX", '4: "/tls" in {work/user=jane/TLS} makes Alpine go direct'],
    ["inbox-path={work/norsh}INBOX", '4: "/norsh" in {work/norsh} makes Alpine go direct'],
    ["rsh-open-timeout=0", "4: rsh-open-timeout=0 turns rsh-path off"],
    ["rsh-open-timeout=10", "4: rsh-open-timeout=10 is not above the table's deadline of 10 s"],
    ["rsh-open-timeout=3", '4: rsh-open-timeout must be from 5 to 30000: "3"'],
    ["rsh-path=/opt/my tools/preauth", '4: rsh-path must not have a space in it: "/opt/my tools/preauth"'],
    ["rsh-path=preauth", '4: rsh-path must be absolute: "preauth"'],
    ["rsh-path=/no/such", '4: rsh-path is not an executable file: "/no/such"'],
    ["ssh-path=/usr/bin/ssh", '4: ssh-path is tried before rsh-path: "/usr/bin/ssh"'],
  ] as const) {
    test(`with ${line} has one`, () =>
      assert.deepEqual(obstacles(good.replace(/^inbox-path.*$/m, line)), [obstacle]));
  }

  test("without rsh-open-timeout is held against Alpine's usual 15 s", () => {
    assert.deepEqual(obstacles(good, 15_000), [
      "-: Alpine's usual rsh-open-timeout of 15 is not above the table's deadline of 15 s",
    ]);
    assert.deepEqual(obstacles(good, 14_000), []);
  });

  test("without rsh-path never calls", () => {
    assert.deepEqual(obstacles(good.replace(/^rsh-path.*$/m, "rsh-path=")), ["-: rsh-path is not set"]);
  });

  test("leaves switches alone that do not keep Alpine from calling", () => {
    assert.deepEqual(
      obstacles(good.replace("{work}", "{work/notls/novalidate-cert/secure/service=imap}")),
      [],
    );
  });

  test("tells how long Alpine waits", () => {
    assert.equal(openTimeout(parsePinerc(good)), 15);
    assert.equal(openTimeout(undefined), 15);
    assert.equal(openTimeout(parsePinerc("rsh-open-timeout=30")), 30);
    assert.equal(openTimeout(parsePinerc("rsh-open-timeout=0")), 0);
  });
});
