import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createPrivateKey } from "node:crypto";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import ssh2 from "ssh2";
import { describeForms } from "../../peers/binaries.ts";
import { type Home, makeHome, tableFor } from "../../peers/home.ts";
import { type KeyType, makeKey } from "../../peers/keys.ts";
import { program } from "../../peers/programs.ts";
import { type Sshd, startSshd } from "../../peers/sshd.ts";
import { converse, GREETING, MAIL } from "../calls/client.ts";

describeForms("a mail call logs in", (form) => {
  let home: Home;
  before(() => {
    home = makeHome();
  });
  after(() => home[Symbol.dispose]());

  const opens = async (sshd: Sshd, identity: string) => {
    const command = `cat '${home.write("said", GREETING)}'`;
    home.writeTable(tableFor(sshd, { identity, on_failure: "tell", "commands.imap": command }));
    const { output } = await converse([...form.argv, ...MAIL], { env: home.env });
    assert.ok(String(output).startsWith(GREETING), String(output));
  };

  test("with a key that has text before and behind it", async () => {
    await using sshd = await startSshd();
    const key = readFileSync(sshd.identity, "utf8");
    for (const text of [`${key}comment of mine\n`, `${key.trimEnd()} `, `Key of jane\n${key}`]) {
      await opens(sshd, home.write("annotated", text));
    }
  });

  for (const type of ["ed25519", "rsa", "ecdsa"] satisfies KeyType[]) {
    test(`with an ${type} key in each format that has it`, async () => {
      await using sshd = await startSshd({ clientKey: type });
      await opens(sshd, sshd.identity);
      for (const format of ["PEM", "PKCS8"]) {
        const path = join(home.path, `${type}.${format}`);
        writeFileSync(path, inFormat(sshd.identity, type, format), { mode: 0o600 });
        await opens(sshd, path);
      }
    });

    test(`with an ${type} key and its certificate`, async () => {
      const authority = makeKey(join(home.path, `ca-${type}`)).path;
      const key = makeKey(join(home.path, `certified-${type}`), type).path;
      await using sshd = await startSshd({ config: [`TrustedUserCAKeys ${authority}.pub`] });
      const words = ["-q", "-s", authority, "-I", "x", "-n", sshd.user, `${key}.pub`];
      execFileSync(program("ssh-keygen"), words, { stdio: "ignore" });
      await opens(sshd, key);
      assert.match(sshd.log(), /Accepted publickey .*-CERT /);
    });
  }
});

/** The text of a key in another format. ssh-keygen has none of them for ed25519. */
function inFormat(path: string, type: KeyType, format: string): string {
  if (type === "ed25519") {
    const key = ssh2.utils.parseKey(readFileSync(path));
    if (key instanceof Error) throw key;
    return createPrivateKey(key.getPrivatePEM()).export({ format: "pem", type: "pkcs8" }).toString();
  }
  const copy = `${path}.${format}`;
  copyFileSync(path, copy);
  execFileSync(program("ssh-keygen"), ["-q", "-p", "-N", "", "-m", format, "-f", copy]);
  return readFileSync(copy, "utf8");
}
