import assert from "node:assert/strict";
import { createHmac, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { wire } from "../../../src/ssh/keys/blob.ts";
import { describeForms } from "../../peers/binaries.ts";
import { makeHome, tableFor } from "../../peers/home.ts";
import { startSshd } from "../../peers/sshd.ts";
import { converse, GREETING, MAIL } from "../calls/client.ts";

const LINES = 40_000;

/** Lines about other hosts, every second one hashed. */
function strangers(): string {
  const lines = Array.from({ length: LINES }, (_, index) => {
    const salt = randomBytes(20);
    const name = `host${index}.example.org`;
    const hash = createHmac("sha1", salt).update(name).digest("base64");
    const names = index % 2 === 0 ? name : `|1|${salt.toString("base64")}|${hash}`;
    return `${names} ssh-ed25519 ${wire("ssh-ed25519", randomBytes(32)).toString("base64")}\n`;
  });
  return lines.join("");
}

describeForms("a known_hosts of 40,000 lines", (form) => {
  test("opens the door when the last line knows the server, and keeps it shut when none does", async () => {
    await using sshd = await startSshd();
    using home = makeHome();
    const lines = strangers();
    const command = { "commands.imap": `cat '${home.write("said", GREETING)}'`, on_failure: "tell" };
    const known = home.write("known", lines + readFileSync(sshd.knownHosts, "utf8"));
    home.writeTable(tableFor(sshd, { ...command, known_hosts: known }));
    const { output } = await converse([...form.argv, ...MAIL], { env: home.env });
    assert.equal(String(output), GREETING);
    home.writeTable(tableFor(sshd, { ...command, known_hosts: home.write("strangers", lines) }));
    const refused = await converse([...form.argv, ...MAIL], { env: home.env });
    assert.match(String(refused.output), /host key unknown/);
  });
});
