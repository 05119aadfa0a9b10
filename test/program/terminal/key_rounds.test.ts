import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { describeForms } from "../../peers/binaries.ts";
import { type Home, makeHome, tableFor } from "../../peers/home.ts";
import { descendantsOf, gone, signal } from "../../peers/processes.ts";
import { program } from "../../peers/programs.ts";
import { type Sshd, startSshd } from "../../peers/sshd.ts";
import { makeTemporary, removeTemporary } from "../../peers/temporary.ts";
import { poll } from "../../peers/waiting.ts";
import { mastersOf } from "../master/shared_home.ts";
import { openWatched } from "./watched.ts";

/** More rounds than fit into the deadline. */
const ROUNDS = 140;
const DEADLINE = "2s";

/** Rounds of PBKDF2 and of PKCS#12 that do not either, in four bytes of DER. */
const QUICK_ROUNDS = 10_000_000;

/** More than that BoringSSL does not begin (crypto/pkcs8). */
const ENDLESS = 100_000_000;

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

/** The time that a process and those that it has started have computed, in ticks of 10 ms (proc(5)). */
function ticksOf(pid: number): number {
  const ticks = [pid, ...descendantsOf(pid)].map((one) => {
    try {
      const stat = readFileSync(`/proc/${one}/stat`, "latin1");
      const [user, system] = stat
        .slice(stat.lastIndexOf(")") + 2)
        .split(" ")
        .slice(11, 13);
      return Number(user) + Number(system);
    } catch {
      return 0;
    }
  });
  return ticks.reduce((sum, one) => sum + one, 0);
}

function words(text: string, ...more: readonly string[]): string[] {
  return [...text.split(" "), ...more];
}

/** The same key file, with a number of rounds that is never reached in the place of its own. */
function endless(pem: string): string {
  const [, head = "", body = "", end = ""] = /^(.*?-----\n)(.*?)(\n-----END.*)$/s.exec(pem) ?? [];
  const bytes = Buffer.from(body, "base64");
  const at = [ROUNDS, QUICK_ROUNDS].map((rounds) => bytes.indexOf(uint32(rounds))).find((one) => one > 0);
  assert.ok(at !== undefined);
  uint32(ENDLESS).copy(bytes, at);
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
    const keys = { deadline: DEADLINE, share };
    home.writeTable(
      tableFor(sshd, { match: "work", identity: join(folder, key), ...keys }) +
        tableFor(sshd, { match: "other", identity: join(folder, "plain"), ...keys }),
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

    test(`of ${derivation} is given up with its Ctrl-C by a master that goes on for others`, async () => {
      using home = homeFor(`${derivation}-endless`, true);
      await using first = await openWatched([...form.argv, "--login", "other"], home);
      assert.equal(await first.ended(), 0, first.screen());
      const [master = 0] = mastersOf(home);
      await using terminal = await openWatched(login, home);
      await terminal.waitFor(PROMPT, "the question");
      const before = ticksOf(master);
      terminal.type("secret\n");
      await poll(() => ticksOf(master) > before + 50, "the computing");
      terminal.keys("C-c");
      assert.equal(await terminal.ended(), 130);
      await poll(async () => {
        const then = ticksOf(master);
        await pause(1000);
        return ticksOf(master) <= then + 3;
      }, "the end of the computing");
      assert.deepEqual(mastersOf(home), [master]);
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

  test("is computed for nobody who was killed meanwhile", async () => {
    using home = homeFor("pbkdf2-endless", false);
    await using terminal = await openWatched(login, home);
    await terminal.waitFor(PROMPT, "the question");
    terminal.type("secret\n");
    const pid = terminal.pid();
    const computing = await poll(() => descendantsOf(pid)[0], "the process that computes");
    signal(pid, "SIGKILL");
    await gone(computing);
  });
});
