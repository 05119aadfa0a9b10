import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { describeForms } from "../../peers/binaries.ts";
import { makeHome, tableFor } from "../../peers/home.ts";
import { type KeyType, makeKey } from "../../peers/keys.ts";
import { program } from "../../peers/programs.ts";
import { startSshd } from "../../peers/sshd.ts";
import { makeTemporary, removeTemporary } from "../../peers/temporary.ts";
import { poll } from "../../peers/waiting.ts";
import { converse, GREETING, MAIL } from "../calls/client.ts";

/** A pinentry that answers by itself, and writes down how often it was asked: `refusing` is there to make it cancel. */
function pinentry(folder: string): string {
  const answer = [
    `if [ -e '${folder}/refusing' ]; then echo 'ERR 83886179 Operation cancelled <Pinentry>'`,
    "else echo 'S PIN_REPEATED'; echo 'D secret'; echo OK; fi",
  ].join("\n");
  return `#!/bin/sh
echo OK
while read -r command rest; do
  case $command in
    GETPIN) echo asked >> '${folder}/asked'
    ${answer} ;;
    BYE) echo OK; exit ;;
    *) echo OK ;;
  esac
done
`;
}

/** A gpg-agent that holds a key for SSH, and asks for its passphrase at each use. */
async function startGpgAgent(key: string) {
  const folder = makeTemporary();
  const GNUPGHOME = join(folder, "gnupg");
  mkdirSync(GNUPGHOME, { mode: 0o700 });
  writeFileSync(join(folder, "pinentry"), pinentry(folder));
  chmodSync(join(folder, "pinentry"), 0o755);
  const config = ["enable-ssh-support", `pinentry-program ${folder}/pinentry`, "default-cache-ttl-ssh 0"];
  writeFileSync(join(GNUPGHOME, "gpg-agent.conf"), `${config.join("\n")}\nmax-cache-ttl-ssh 0\n`);
  const env = { ...process.env, GNUPGHOME };
  const where = execFileSync(program("gpgconf"), ["--list-dirs", "agent-ssh-socket"], { env });
  const socket = where.toString().trim();
  const child = spawn(program("gpg-agent"), ["--daemon", "--no-detach"], { env, stdio: "ignore" });
  await poll(() => existsSync(socket), "gpg-agent");
  execFileSync(program("ssh-add"), ["-q", key], {
    env: { ...env, SSH_AUTH_SOCK: socket },
    stdio: "ignore",
  });
  const asked = join(folder, "asked");
  return {
    socket,
    refuse: () => writeFileSync(join(folder, "refusing"), ""),
    /** How often it has asked since the last time. */
    questions: () => {
      const count = existsSync(asked) ? readFileSync(asked, "utf8").split("\n").length - 1 : 0;
      writeFileSync(asked, "");
      return count;
    },
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
      removeTemporary(folder);
    },
  };
}

describeForms("gpg-agent", (form) => {
  for (const type of ["rsa", "ed25519"] satisfies readonly KeyType[]) {
    test(`signs with its key for each call, and asks once, also where the user says no: ${type}`, async () => {
      using home = makeHome();
      const key = makeKey(join(home.path, "key"), type);
      await using sshd = await startSshd({ authorized: [key.line] });
      await using agent = await startGpgAgent(key.path);
      const command = { "commands.imap": `cat '${home.write("said", GREETING)}'` };
      home.writeTable(tableFor(sshd, { identity: `${key.path}.pub`, on_failure: "tell", ...command }));
      const env = { ...home.env, SSH_AUTH_SOCK: agent.socket };
      const call = async () => String((await converse([...form.argv, ...MAIL], { env })).output);
      agent.questions();
      // The second is an early login.
      for (let count = 0; count < 2; count++) {
        assert.ok((await call()).startsWith(GREETING));
        assert.equal(agent.questions(), 1);
      }
      agent.refuse();
      assert.match(await call(), /^\* NO preauth: mail\.test: the agent refused to sign: /);
      assert.equal(agent.questions(), 1);
    });
  }
});
