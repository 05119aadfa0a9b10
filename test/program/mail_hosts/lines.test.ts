import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { RELEASES, skipWithoutMailHosts, startMailHost } from "../../peers/mail_host.ts";
import { assertWritable, open } from "./host_call.ts";

const skip = skipWithoutMailHosts();

/** The commands.imap of a document that start a Dovecot. */
function lines(name: string): readonly string[] {
  const text = readFileSync(new URL(`../../../${name}`, import.meta.url), "utf8");
  return [...text.matchAll(/commands\.imap = "(exec doveadm [^"]*)"/g)].map(([, line = ""]) => line);
}

for (const release of RELEASES) {
  describe(`a line that a document has for Dovecot, in Debian ${release}`, { skip, concurrency: 3 }, () => {
    for (const name of ["doc/table.md", "doc/preauth-hosts.5"]) {
      test(`opens the mailbox: ${name}`, async () => {
        const [line, ...others] = lines(name);
        assert.ok(line !== undefined && others.length === 0);
        const isElsewhere = line.includes("$HOME/Mail");
        await using host = await startMailHost(
          release,
          isElsewhere ? { maildir: 3, spool: 1, folder: "Mail" } : { spool: 2 },
        );
        const answers = await open(host, { "commands.imap": line });
        if (isElsewhere) assertWritable(answers, 3);
        else assert.match(answers, /^\* 2 EXISTS\r$/m);
      });
    }
  });
}

test("the hint for mail that is elsewhere has the line of doc/table.md", () => {
  const hint = readFileSync(new URL("../../../src/session/no_greeting.ts", import.meta.url), "utf8");
  assert.ok(hint.replaceAll(/' \+\n\s*'/g, "").includes(lines("doc/table.md")[0] ?? "-"));
});
