import assert from "node:assert/strict";
import { test } from "node:test";
import { isPreauth, programName } from "../../../src/forwards/program.ts";

const PROGRAMS: readonly (readonly [executable: string, words: readonly string[], name: string])[] = [
  ["/usr/local/bin/preauth", ["bun", "/$bunfs/root/preauth", "work", "joe", "imap"], "preauth"],
  ["/usr/local/bin/preauth (deleted)", ["preauth"], "preauth"],
  ["/usr/bin/node", ["node", "/usr/local/bin/preauth", "work", "joe", "imap"], "preauth"],
  ["/opt/node26/bin/node26", ["node", "/opt/node26/preauth.js"], "preauth.js"],
  ["/usr/bin/node", ["node", "/home/joe/dist/preauth.js", "work", "joe", "imap"], "preauth.js"],
  ["/usr/bin/node", ["node", "--import", "tsx", "bin/preauth.ts", "work"], "preauth.ts"],
  ["/usr/bin/ssh", ["ssh", "-L2025:mail:25", "preauth"], "ssh"],
  ["/usr/bin/vim", ["vim", "src/preauth.ts"], "vim"],
  ["/usr/bin/python3.11", ["python3", "-m", "http.server", "2025"], "http.server"],
  ["/usr/bin/perl", ["perl", "-e", "print 1/2; sleep"], "perl"],
  ["/usr/bin/node", ["node"], "node"],
  ["", ["/usr/sbin/exim4", "-bd"], "exim4"],
  ["", [], "a program without a name"],
];

for (const [executable, words, name] of PROGRAMS) {
  test(`${executable || "no executable"} as ${words.join(" ")} is called ${name}`, () => {
    assert.equal(programName(executable, words), name);
  });
}

test("a preauth is known in each of its forms, and nothing else is", () => {
  const known = ["preauth", "preauth.js", "preauth.ts"];
  for (const name of known) assert.ok(isPreauth({ pid: 1, name }));
  for (const name of ["ssh", "preauth.py", "mypreauth", ""]) assert.ok(!isPreauth({ pid: 1, name }));
});
