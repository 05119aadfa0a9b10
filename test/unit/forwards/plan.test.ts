import assert from "node:assert/strict";
import { test } from "node:test";
import { lastLegNote } from "../../../src/forwards/plan.ts";
import { decide } from "../../../src/table/decide.ts";
import { parseTable } from "../../../src/table/schema.ts";
import { forwardOf } from "./fixtures.ts";

const TABLE = `
[[host]]
match = "*"
[[forward]]
name = "smtp"
listen = 2025
to = "mail:25"
via = ["*.isp.com", "!www.isp.com"]
[[forward]]
name = "nntp"
listen = 2119
to = "news:119"
`;

async function names(server: string): Promise<readonly string[]> {
  const decision = await decide(await parseTable(TABLE, "hosts.toml"), { server, method: "imap" });
  return decision?.forwards.map(({ name }) => name) ?? [];
}

test("a server carries the forwards whose via matches it, and those that have none", async () => {
  assert.deepEqual(await names("mail.isp.com"), ["smtp", "nntp"]);
  assert.deepEqual(await names("MAIL.ISP.COM."), ["smtp", "nntp"]);
  assert.deepEqual(await names("www.isp.com"), ["nntp"]);
  assert.deepEqual(await names("work"), ["nntp"]);
});

test("a forward to another machine has a last leg without protection", () => {
  const off = forwardOf({ to: { host: "mail", port: 25 } });
  assert.equal(
    lastLegNote(off, ["shell.isp.com"]),
    "SSH does not protect the way from shell.isp.com to mail:25",
  );
  const six = forwardOf({ to: { host: "2001:db8::1", port: 25 } });
  assert.match(lastLegNote(six, ["work"]) ?? "", / to \[2001:db8::1\]:25$/);
});

test("a forward to the server itself has none, whatever it is called", () => {
  const own = [
    "localhost",
    "LOCALHOST.",
    "127.0.0.1",
    "127.1.2.3",
    "::1",
    "Mail.ISP.com",
    "work",
    "192.0.2.1",
  ];
  for (const host of own) {
    const forward = forwardOf({ to: { host, port: 25 } });
    assert.equal(lastLegNote(forward, ["work", "mail.isp.com.", "192.0.2.1"]), undefined, host);
  }
  for (const host of ["127.example.org", "localhost.example.org", "mail", "isp.com"]) {
    const forward = forwardOf({ to: { host, port: 25 } });
    assert.notEqual(lastLegNote(forward, ["work", "mail.isp.com"]), undefined, host);
  }
});
