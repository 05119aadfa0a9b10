import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { program } from "../../../peers/programs.ts";
import { recentSshd } from "../../../peers/recent_sshd.ts";
import { makeTemporary, removeTemporary } from "../../../peers/temporary.ts";

const BUN = fileURLToPath(new URL("../../../../node_modules/.bin/bun", import.meta.url));
const OPENER = fileURLToPath(new URL("opener.ts", import.meta.url));
const PASSPHRASE = "käse und brot";
const keygen = program("ssh-keygen");
const openssl = program("openssl");
const folder = makeTemporary();
after(() => removeTemporary(folder));

/** Ciphers of OpenSSH's container (`ssh-keygen -Z`). */
const CIPHERS = [
  ...["3des-cbc", "aes128-cbc", "aes192-cbc", "aes256-cbc", "aes128-ctr", "aes192-ctr", "aes256-ctr"],
  ...["aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com"],
];

interface Case {
  readonly title: string;
  readonly path: string;
  readonly passphrase: string;
}

const cases: Case[] = [];

function add(title: string, passphrase: string, make: (path: string) => void): void {
  const path = join(folder, String(cases.length));
  make(path);
  rmSync(`${path}.pub`, { force: true });
  chmodSync(path, 0o600);
  cases.push({ title, path, passphrase });
}

const generate = (path: string, ...words: readonly string[]) =>
  execFileSync(keygen, ["-q", "-a", "2", "-f", path, ...words], { stdio: "ignore" });

function openPlain(name: string): string {
  return join(folder, `plain-${name}`);
}

const ssl = (...words: readonly string[]) => execFileSync(openssl, words, { stdio: "ignore" });

before(() => {
  const kinds = [
    ["ed25519", ["-t", "ed25519"]],
    ["rsa", ["-t", "rsa", "-b", "2048"]],
    ["ecdsa-256", ["-t", "ecdsa", "-b", "256"]],
    ["ecdsa-384", ["-t", "ecdsa", "-b", "384"]],
    ["ecdsa-521", ["-t", "ecdsa", "-b", "521"]],
  ] as const;
  for (const [kind, words] of kinds) {
    add(`${kind}, without a passphrase`, "", (path) => generate(path, ...words, "-N", ""));
    copyFileSync(cases.at(-1)?.path ?? "", openPlain(kind));
    add(`${kind}, with one`, PASSPHRASE, (path) => generate(path, ...words, "-N", PASSPHRASE));
    if (kind === "ed25519") continue;
    for (const format of ["PEM", "PKCS8"]) {
      for (const passphrase of ["", PASSPHRASE]) {
        const title = `${kind} in ${format}, ${passphrase === "" ? "without a passphrase" : "with one"}`;
        add(title, passphrase, (path) => generate(path, ...words, "-m", format, "-N", passphrase));
      }
    }
  }
  for (const cipher of CIPHERS) {
    add(cipher, PASSPHRASE, (path) => generate(path, "-t", "ed25519", "-Z", cipher, "-N", PASSPHRASE));
  }
  addByOpenssl();
  addAltered();
});

/** What other programs than ssh-keygen make of RSA keys. */
function addByOpenssl(): void {
  const rsa = join(folder, "rsa.pem");
  ssl("genrsa", "-out", rsa, "2048");
  for (const cipher of ["aes128", "aes192", "aes256", "des3", "camellia256"]) {
    add(`PKCS#1 with ${cipher}`, PASSPHRASE, (path) =>
      ssl("rsa", "-in", rsa, "-traditional", `-${cipher}`, "-passout", `pass:${PASSPHRASE}`, "-out", path),
    );
  }
  const pkcs8: readonly (readonly [title: string, ...words: string[]])[] = [
    ...(["aes-128-cbc", "aes-192-cbc", "aes-256-cbc", "des3", "camellia-256-cbc"].map((cipher) => [
      `PKCS#8 with ${cipher}`,
      "-v2",
      cipher,
    ]) as [string, string, string][]),
    ...(["hmacWithSHA1", "hmacWithSHA384", "hmacWithSHA512"].map((prf) => [
      `PKCS#8 with ${prf}`,
      "-v2prf",
      prf,
    ]) as [string, string, string][]),
    ["PKCS#8 with scrypt", "-scrypt"],
    ["PKCS#8 with scrypt and 3DES", "-scrypt", "-v2", "des3"],
    ["PKCS#8 as of PKCS#12", "-v1", "PBE-SHA1-3DES"],
  ];
  for (const [title, ...words] of pkcs8) {
    add(title, PASSPHRASE, (path) =>
      ssl("pkcs8", "-topk8", "-in", rsa, ...words, "-passout", `pass:${PASSPHRASE}`, "-out", path),
    );
  }
  add("SEC1 behind its parameters", "", (path) =>
    ssl("ecparam", "-name", "prime256v1", "-genkey", "-out", path),
  );
}

/** Files with more in them than a key, or less. */
function addAltered(): void {
  const alterations: readonly (readonly [title: string, alter: (text: string) => string])[] = [
    ["text behind the end", (text) => `${text}comment of mine\n`],
    ["another key behind the end", (text) => `${text}${text}`],
    ["text before the beginning", (text) => `Key of jane\n${text}`],
    ["no newline at the end", (text) => text.trimEnd()],
    ["CRLF", (text) => text.replaceAll("\n", "\r\n")],
    ["blanks in its lines", (text) => text.replace(/\n(.)/, "\n $1")],
    [
      "one line",
      (text) => text.replace(/(KEY-----\n)(.*)(\n-----END)/s, (_, a, b, c) => a + b.replaceAll("\n", "") + c),
    ],
    ["half of it", (text) => text.slice(0, text.length / 2)],
    ["nothing", () => ""],
  ];
  for (const kind of ["ed25519", "rsa"]) {
    const text = readFileSync(openPlain(kind), "utf8");
    for (const [title, alter] of alterations) {
      add(`${kind}, ${title}`, "", (path) => writeFileSync(path, alter(text)));
    }
  }
  const pem = readFileSync(join(folder, "rsa.pem"), "utf8");
  for (const [title, alter] of alterations) {
    add(`PKCS#8, ${title}`, "", (path) => writeFileSync(path, alter(pem)));
  }
}

/** The public key in ssh-keygen's opinion. */
function bySsh(path: string, passphrase: string, tool = keygen): string | undefined {
  const { status, stdout } = spawnSync(tool, ["-y", "-P", passphrase, "-f", path], { encoding: "utf8" });
  return status === 0 ? stdout.split(" ").slice(0, 2).join(" ").trim() : undefined;
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
    test("is read wherever ssh-keygen reads it, and no right passphrase is called wrong", () => {
      const found = ours(runtime, words);
      const recent = recentSshd()?.path.replace(/sbin\/sshd$/, "bin/ssh-keygen");
      const wrong: string[] = [];
      for (const [index, { title, path, passphrase }] of cases.entries()) {
        const [right = "", other = ""] = found[index] ?? [];
        const theirs = bySsh(path, passphrase) ?? (recent && bySsh(path, passphrase, recent));
        // BoringSSL has no Camellia; that is said, and not that the passphrase is wrong.
        const isLacking = name === "Bun" && /camellia/.test(title);
        if (
          isLacking
            ? !/^missing: .*(camellia|1\.2\.392\.200011)/i.test(right)
            : theirs !== undefined && right !== theirs
        ) {
          wrong.push(`${title}: ${right}, and for ssh-keygen ${theirs}`);
        }
        if (passphrase !== "" && !isLacking && other !== "wrong passphrase") {
          wrong.push(`${title}, with a wrong passphrase: ${other}`);
        }
      }
      assert.deepEqual(wrong, []);
      assert.ok(cases.length > 60);
    });
  });
}
