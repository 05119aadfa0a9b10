import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { isWithin, ownDomains, parseDomainName, parseResolvConf } from "../../../src/forwards/domain.ts";
import { gone } from "../../peers/processes.ts";
import { makeTemporary, removeTemporary } from "../../peers/temporary.ts";
import { poll, within } from "../../peers/waiting.ts";

let folder = "";
before(() => {
  folder = makeTemporary();
});
after(() => removeTemporary(folder));

/** A PATH with nothing but these programs, each a line of sh. */
function programs(lines: Readonly<Record<string, string>>): { readonly PATH: string } {
  const PATH = mkdtempSync(join(folder, "bin-"));
  for (const [name, line] of Object.entries(lines)) {
    writeFileSync(join(PATH, name), `#!/bin/sh\n${line}\n`, { mode: 0o755 });
  }
  return { PATH };
}

function resolvConf(text: string): string {
  const file = join(mkdtempSync(join(folder, "etc-")), "resolv.conf");
  writeFileSync(file, text);
  return file;
}

const never = new AbortController().signal;

test("a domain is within itself and those above it, in any case and with the dot of the root", () => {
  for (const [domain, home] of [
    ["home.net", "home.net"],
    ["HOME.NET", "home.net"],
    ["home.net.", "Home.Net"],
    ["home.net", "home.net."],
    ["lan.home.net", "home.net"],
    ["a.b.home.net.", "home.net"],
  ] as const) {
    assert.ok(isWithin(domain, home), `${domain} ${home}`);
  }
  for (const [domain, home] of [
    ["net", "home.net"],
    ["athome.net", "home.net"],
    ["home.net.evil.org", "home.net"],
    ["", "home.net"],
    [".", "home.net"],
    ["home.netx", "home.net"],
  ] as const) {
    assert.ok(!isWithin(domain, home), `${domain} ${home}`);
  }
});

test("an empty answer and (none) are no domain", () => {
  for (const text of ["", "\n", "(none)\n", "hostname: no such option\n"])
    assert.deepEqual(parseDomainName(text), []);
  assert.deepEqual(parseDomainName("home.net\n"), ["home.net"]);
});

test("resolv.conf gives its domain and search lines, comments and other lines aside", () => {
  const text = [
    "# search commented.org",
    "; domain commented.org",
    "nameserver 192.0.2.1",
    "domain home.net",
    "search\tisp.com   lan.isp.com ",
    "  search indented.org",
    "options ndots:2",
    "searching not.org",
    "search",
  ].join("\n");
  assert.deepEqual(parseResolvConf(text), ["home.net", "isp.com", "lan.isp.com", "indented.org"]);
});

test("all sources are asked, and each domain comes with its own", async () => {
  const env = programs({ hostname: '[ "$*" = -d ] && echo dns.org', domainname: "echo nis.org" });
  const file = resolvConf("search one.org two.org\n");
  const domains = (await Promise.all(ownDomains({ env, resolvConf: file, signal: never }))).flat();
  assert.deepEqual(domains, [
    { domain: "dns.org", source: "hostname -d" },
    { domain: "nis.org", source: "domainname" },
    { domain: "one.org", source: file },
    { domain: "two.org", source: file },
  ]);
});

test("what is missing or fails says nothing", async () => {
  const env = programs({ hostname: "echo wrong.org; exit 1" });
  const options = { env, resolvConf: join(folder, "none"), signal: never };
  assert.deepEqual((await Promise.all(ownDomains(options))).flat(), []);
});

test("a program that cannot even be tried says nothing", async () => {
  const env = { ...programs({ hostname: "echo dns.org" }), LARGE: "x".repeat(200_000) };
  const options = { env, resolvConf: join(folder, "none"), signal: never };
  assert.deepEqual((await Promise.all(ownDomains(options))).flat(), []);
});

test("a program that hangs is killed with the signal, and the others have spoken", async () => {
  const pidFile = join(folder, "pid");
  const env = programs({
    hostname: `echo $$ > ${pidFile}.new; mv ${pidFile}.new ${pidFile}; exec sleep 60`,
    domainname: "echo nis.org",
  });
  const slow = new AbortController();
  const path = `${env.PATH}:/usr/bin:/bin`;
  const asked = ownDomains({ env: { PATH: path }, resolvConf: join(folder, "none"), signal: slow.signal });
  await poll(() => existsSync(pidFile), "hostname");
  await asked[1];
  slow.abort();
  const domains = await within(Promise.all(asked), "the end of all sources");
  assert.deepEqual(domains.flat(), [{ domain: "nis.org", source: "domainname" }]);
  await gone(Number(readFileSync(pidFile, "utf8")));
});

test("a program gets none of our descriptors", async () => {
  const seen = join(folder, "seen");
  const env = programs({ hostname: `readlink /proc/$$/fd/0 /proc/$$/fd/1 /proc/$$/fd/2 > ${seen}` });
  const path = `${env.PATH}:/usr/bin:/bin`;
  await Promise.all(ownDomains({ env: { PATH: path }, resolvConf: "/none", signal: never }));
  const ours = [0, 1, 2].map((fd) => readlinkSync(`/proc/self/fd/${fd}`));
  const links = readFileSync(seen, "utf8").trim().split("\n");
  assert.equal(links.length, 3);
  for (const link of links) assert.ok(!ours.includes(link), link);
});
