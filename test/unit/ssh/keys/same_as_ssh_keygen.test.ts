import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { program } from "../../../peers/programs.ts";
import { recentSshd } from "../../../peers/recent_sshd.ts";
import { makeTemporary, removeTemporary } from "../../../peers/temporary.ts";
import { type KeyFileCase, makeKeyFiles, PASSPHRASE } from "./key_files.ts";

const BUN = fileURLToPath(new URL("../../../../node_modules/.bin/bun", import.meta.url));
const OPENER = fileURLToPath(new URL("opener.ts", import.meta.url));

/** What ssh-keygen takes and this program does not, and the words that say so. doc/ssh.md has them all. */
const LESS: readonly (readonly [runtime: RegExp, title: RegExp, said: RegExp])[] = [
  // OpenSSH has no DSA any more from 10.0 on.
  [/./, /^dsa/, /^useless: holds no key of a kind that is supported$/],
  [/Bun/, /camellia|aria|sm4/, /^missing: the cipher (camellia|aria|sm4)-\d*-?cbc$/i],
  [/Bun/, /2DES/, /^missing: the scheme 1\.2\.840\.113549\.1\.12\.1\.4$/],
  [/Bun/, /three primes/, /holds no key of a kind that is supported$/],
];

/** What this program takes and ssh-keygen does not: a key that is plain to see, whatever its lines look like. */
const MORE: readonly RegExp[] = [
  /^(encrypted )?OpenSSH's, (text|empty lines|no newline|CRLF|carriage|blanks behind|everything|a BOM)/,
  /^(encrypted )?(PEM|PKCS#8), (carriage|everything|short lines|blanks|one line|text on both)/,
  // The login has a limit of its own: RequiredRSASize, and never less than 1024.
  /^rsa of 768 bits/,
  /PBE-SHA1-RC/,
  // ssh-keygen takes it from 9.6 on.
  /^ed25519 in PKCS#8/,
];

const folder = makeTemporary();
let cases: readonly KeyFileCase[] = [];
/** The public key that one of the ssh-keygens finds in each; undefined where none finds any. */
let theirs: readonly (string | undefined)[] = [];
before(async () => {
  cases = makeKeyFiles(folder);
  const recent = recentSshd()?.path.replace(/sbin\/sshd$/, "bin/ssh-keygen");
  const tools = [program("ssh-keygen"), ...(recent !== undefined && existsSync(recent) ? [recent] : [])];
  const found: (string | undefined)[] = [];
  for (const { path, passphrase } of cases) {
    const all = await Promise.all(tools.map((tool) => bySsh(tool, path, passphrase)));
    found.push(all.find((one) => one !== undefined));
  }
  theirs = found;
});
after(() => removeTemporary(folder));

/** The public key in ssh-keygen's opinion. */
async function bySsh(tool: string, path: string, passphrase: string): Promise<string | undefined> {
  try {
    const { stdout } = await promisify(execFile)(tool, ["-y", "-P", passphrase, "-f", path]);
    return stdout.split(" ").slice(0, 2).join(" ").trim();
  } catch {
    return undefined;
  }
}

/** What each file gives with its passphrase, and with a wrong one, in the order of the cases. */
function ours(
  runtime: string,
  words: readonly string[],
): readonly (readonly [right: string, wrong: string])[] {
  const input = JSON.stringify(cases.map(({ path, passphrase }) => [path, passphrase]));
  return JSON.parse(execFileSync(runtime, [...words, OPENER], { input, encoding: "utf8" }));
}

const runtimes: readonly (readonly [string, string, readonly string[]])[] = [
  ["Node", process.execPath, ["--import", "tsx"]],
  ["Bun", BUN, []],
];

for (const [name, runtime, words] of runtimes) {
  describe(`a key file in ${name}`, () => {
    test("is read where ssh-keygen reads it, not where it does not, and no right passphrase is called wrong", () => {
      const found = ours(runtime, words);
      const wrong: string[] = [];
      for (const [index, { title, passphrase }] of cases.entries()) {
        const [right = "", other = ""] = found[index] ?? [];
        const wanted = theirs[index];
        const isTaken = /^(ssh|ecdsa)-/.test(right);
        const less = LESS.find(([where, what]) => where.test(name) && what.test(title));
        const isMore = isTaken && wanted === undefined && MORE.some((what) => what.test(title));
        const isSame = wanted === undefined ? !isTaken : right === wanted;
        if (!isMore && !(less?.[2].test(right) ?? isSame))
          wrong.push(`${title}: ${right.slice(0, 60)}, and for ssh-keygen ${wanted?.slice(0, 60)}`);
        if (right === "wrong passphrase") wrong.push(`${title}: its passphrase is called wrong`);
        if (passphrase === PASSPHRASE && isTaken && other !== "wrong passphrase")
          wrong.push(`${title}, with a wrong passphrase: ${other.slice(0, 60)}`);
      }
      assert.deepEqual(wrong.join("\n"), "");
      assert.ok(cases.length > 200, `${cases.length} cases`);
    });
  });
}
