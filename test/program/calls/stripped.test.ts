import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, rmSync, statSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { forms } from "../../peers/binaries.ts";
import { runCall } from "../../peers/call.ts";
import { hostTable, makeHome } from "../../peers/home.ts";
import { program } from "../../peers/programs.ts";

/** What packagers do: strip(1) as it is, dh_strip of debhelper, brp-strip of rpm, makepkg. */
const STRIPS: Readonly<Record<string, readonly string[]>> = {
  "strip -g": ["-g"],
  strip: [],
  "strip -s": ["-s"],
  dh_strip: ["--remove-section=.comment", "--remove-section=.note"],
  "strip --strip-unneeded": ["--strip-unneeded"],
};

const executable = forms.find(({ name }) => name === "executable")?.argv[0];

describe("the executable", { skip: executable === undefined && "the other form is tested" }, () => {
  test("is the same program when it has been stripped, and runs no file called like a word of the call", async () => {
    using home = makeHome();
    home.writeTable(hostTable({ match: "mail.test" }));
    const ran = join(home.path, "ran");
    const code = `require("fs").writeFileSync(${JSON.stringify(ran)}, "");\n`;
    for (const name of ["nowhere", "mail.test", "index.js", "preauth"])
      home.write(`here/${name}`, code, 0o755);
    const options = { env: home.env, cwd: join(home.path, "here"), stdio: "pipes" } as const;
    const version = (await runCall([executable ?? "", "--version"], options)).output.toString();
    for (const [name, words] of Object.entries(STRIPS)) {
      const copy = join(home.path, "copy");
      rmSync(copy, { force: true });
      copyFileSync(executable ?? "", copy);
      execFileSync(program("strip"), [...words, copy], { stdio: "pipe" });
      assert.equal((await runCall([copy, "--version"], options)).output.toString(), version, name);
      const unknown = await runCall([copy, "nowhere", "jane", "imap"], options);
      assert.deepEqual([unknown.status, unknown.output.length], [1, 0], name);
      const explained = await runCall([copy, "--explain", "mail.test"], options);
      assert.match(explained.output.toString(), /^match +\[\[host\]\] 1/m, name);
      assert.equal(existsSync(ran), false, name);
    }
  });

  test("runs nothing when its end is missing", async () => {
    using home = makeHome();
    const ran = join(home.path, "ran");
    home.write("here/nowhere", `require("fs").writeFileSync(${JSON.stringify(ran)}, "");\n`);
    const copy = join(home.path, "copy");
    const options = { env: home.env, cwd: join(home.path, "here"), stdio: "pipes" } as const;
    for (const missing of [100_000, 3_000_000, 8_000_000]) {
      copyFileSync(executable ?? "", copy);
      truncateSync(copy, statSync(copy).size - missing);
      const { status, output } = await runCall([copy, "nowhere", "jane", "imap"], options);
      assert.notEqual(status, 0, `${missing}`);
      assert.equal(output.length, 0, `${missing}`);
      assert.equal(existsSync(ran), false, `${missing}`);
    }
  });
});
