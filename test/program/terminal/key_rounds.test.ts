import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { describeForms } from "../../peers/binaries.ts";
import { type Home, makeHome, tableFor } from "../../peers/home.ts";
import { program } from "../../peers/programs.ts";
import { type Sshd, startSshd } from "../../peers/sshd.ts";
import { makeTemporary, removeTemporary } from "../../peers/temporary.ts";
import { openWatched } from "./watched.ts";

/** More rounds than fit into the deadline. */
const ROUNDS = 140;
const DEADLINE = "2s";

/** Rounds of PBKDF2 and of PKCS#12 that do not either, in four bytes of DER. */
const QUICK_ROUNDS = 10_000_000;

let folder: string;
let sshd: Sshd;
before(async () => {
  folder = makeTemporary();
  execFileSync(program("ssh-keygen"), words("-q -t ed25519 -N secret -f bcrypt -a", String(ROUNDS)), {
    cwd: folder,
  });
  execFileSync(program("ssh-keygen"), words("-q -t ecdsa -m PKCS8 -N", "", "-f", "plain"), { cwd: folder });
  for (const [name, scheme] of [
    ["pbkdf2", "-v2 aes-256-cbc -v2prf hmacWithSHA512"],
    ["pkcs12", "-v1 PBE-SHA1-3DES"],
  ] as const) {
    const how = `pkcs8 -topk8 -in plain ${scheme} -passout pass:secret -iter ${QUICK_ROUNDS} -out ${name}`;
    execFileSync(program("openssl"), words(how), { cwd: folder });
    chmodSync(join(folder, name), 0o600);
  }
  // A number of rounds that is never reached.
  for (const [from, to] of [
    ["bcrypt", "bcrypt-endless"],
    ["pbkdf2", "pbkdf2-endless"],
    ["pkcs12", "pkcs12-endless"],
  ] as const) {
    writeFileSync(join(folder, to), endless(readFileSync(join(folder, from), "utf8")), { mode: 0o600 });
  }
  const authorized = ["bcrypt", "plain"].map((name) =>
    readFileSync(join(folder, `${name}.pub`), "utf8").trim(),
  );
  sshd = await startSshd({ authorized });
});
after(async () => {
  await sshd.stop();
  removeTemporary(folder);
});

function words(text: string, ...more: readonly string[]): string[] {
  return [...text.split(" "), ...more];
}

/** The same key file, with the greatest number of rounds in the place of its own. */
function endless(pem: string): string {
  const [, head = "", body = "", end = ""] = /^(.*?-----\n)(.*?)(\n-----END.*)$/s.exec(pem) ?? [];
  const bytes = Buffer.from(body, "base64");
  const at = [ROUNDS, QUICK_ROUNDS].map((rounds) => bytes.indexOf(uint32(rounds))).find((one) => one > 0);
  assert.ok(at !== undefined);
  uint32(0x7fffffff).copy(bytes, at);
  return `${head}${bytes.toString("base64").replace(/.{64}/g, "$&\n")}${end}`;
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

describeForms("--login with a key of many rounds", { concurrency: 3 }, (form) => {
  const homeFor = (key: string, share: boolean): Home => {
    const home = makeHome();
    home.writeTable(
      tableFor(sshd, { match: "work", identity: join(folder, key), deadline: DEADLINE, share }),
    );
    return home;
  };
  const login = [...form.argv, "--login", "work"];
  const PROMPT = /Enter passphrase for key '.*':\s*$/;

  for (const derivation of ["bcrypt", "pbkdf2", "pkcs12"]) {
    test(`of ${derivation} gets in, as the time to open it is not the server's`, async () => {
      using home = homeFor(derivation, form.name === "executable");
      await using terminal = await openWatched(login, home);
      await terminal.waitFor(PROMPT, "the question");
      const began = performance.now();
      terminal.type("secret\n");
      await terminal.waitFor(/^logged in to work|^the connection is kept/m, "the login", 60_000);
      // Or nothing was shown.
      assert.ok(performance.now() - began > Number.parseFloat(DEADLINE) * 1000);
    });

    test(`of ${derivation} can be ended by Ctrl-C while it is opened`, async () => {
      using home = homeFor(`${derivation}-endless`, false);
      await using terminal = await openWatched(login, home);
      await terminal.waitFor(PROMPT, "the question");
      terminal.type("secret\n");
      await terminal.waitFor(/Enter passphrase for key '.*':\s*\n/, "the end of the question");
      const began = performance.now();
      terminal.keys("C-c");
      assert.equal(await terminal.ended(), 130);
      assert.ok(performance.now() - began < 1000);
      assert.doesNotMatch(terminal.screen(), /logged in/);
    });
  }
});
