import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { makeTemporary, removeTemporary } from "../../peers/temporary.ts";

const folder = makeTemporary();
after(() => removeTemporary(folder));

const root = fileURLToPath(new URL("../../..", import.meta.url));

const MAIN = `
import { readTable } from "${root}src/table/read.ts";
import { decide } from "${root}src/table/decide.ts";
const [, , path, server] = process.argv;
readTable(path, process.getuid()).then((table) => decide(table, { server, method: "imap" })).then((decision) => {
  const loaded = process.moduleLoadList.filter((name) => /^NativeModule (net|dns|crypto|child_process)$/.test(name));
  console.log(decision === undefined ? "unknown" : "known", ...loaded);
}, (error) => console.log(error.code ?? error.message));
`;

/** Bundled as the program is, but with neither picomatch nor the parser with places, nor a way to find them. */
before(() => {
  writeFileSync(join(folder, "main.ts"), MAIN);
  const externals = ["--external=picomatch", "--external=toml-eslint-parser"];
  const words = ["build", join(folder, "main.ts"), "--target=node", "--format=cjs", ...externals];
  execFileSync(join(root, "node_modules/.bin/bun"), [...words, `--outfile=${join(folder, "main.cjs")}`], {
    stdio: "pipe",
  });
});

function decided(table: string, server: string): string {
  writeFileSync(join(folder, "hosts.toml"), table, { mode: 0o600 });
  const words = [join(folder, "main.cjs"), join(folder, "hosts.toml"), server];
  return spawnSync(process.execPath, words, { encoding: "utf8" }).stdout.trim();
}

// What import() and require() say of a module that is not to be found.
const NOT_THERE = /^(ERR_)?MODULE_NOT_FOUND$/;

const COMPARED = '[[host]]\nmatch = ["mail.isp.com", "*.net", "!www.net"]\n[[host]]\nmatch = "*.org"\n';

test("a table without wildcards but *.suffix is read and matched without picomatch and a second parser", () => {
  assert.equal(decided(COMPARED, "example.com"), "unknown");
  assert.equal(decided(COMPARED, "www.net"), "unknown");
  assert.equal(decided(COMPARED, "MAIL.ISP.COM."), "known");
  assert.equal(decided(COMPARED, "a.b.org"), "known");
});

test("picomatch is loaded for another wildcard, and only when it comes to it", () => {
  const table = `${COMPARED}[[host]]\nmatch = "imap?.isp.com"\n`;
  assert.equal(decided(table, "mail.isp.com"), "known");
  assert.match(decided(table, "example.com"), NOT_THERE);
});

test("picomatch has no part in a glob of several stars or of many question marks", () => {
  const table = '[[host]]\nmatch = ["m*l*.isp.com", "??????.isp.com"]\n';
  assert.equal(decided(table, "mail.isp.com"), "known");
  assert.equal(decided(table, "mail-7.isp.com"), "known");
  assert.equal(decided(table, "example.com"), "unknown");
});

test("the parser with places is loaded for a table that is wrong, but not for one that is no TOML", () => {
  assert.match(decided("port = 1\n", "h"), NOT_THERE);
  assert.match(decided("port 1\n", "h"), /:1:6: illegal character in key: "port 1"$/);
});
