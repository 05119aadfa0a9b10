import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
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

let folder: string;
let key: string;
let sshd: Sshd;
before(async () => {
  folder = makeTemporary();
  key = join(folder, "key");
  execFileSync(program("ssh-keygen"), [
    "-q",
    "-t",
    "ed25519",
    "-a",
    String(ROUNDS),
    "-N",
    "secret",
    "-f",
    key,
  ]);
  sshd = await startSshd({ authorized: [readFileSync(`${key}.pub`, "utf8").trim()] });
});
after(async () => {
  await sshd.stop();
  removeTemporary(folder);
});

describeForms("--login with a key of many rounds", { concurrency: 3 }, (form) => {
  const homeFor = (share: boolean): Home => {
    const home = makeHome();
    home.writeTable(tableFor(sshd, { match: "work", identity: key, deadline: DEADLINE, share }));
    return home;
  };
  const login = [...form.argv, "--login", "work"];
  const PROMPT = /Enter passphrase for key '.*':\s*$/;

  test("gets in, as the time to open it is not the server's", async () => {
    using home = homeFor(form.name === "executable");
    await using terminal = await openWatched(login, home);
    await terminal.waitFor(PROMPT, "the question");
    const began = performance.now();
    terminal.type("secret\n");
    await terminal.waitFor(/^logged in to work|^the connection is kept/m, "the login");
    // Or nothing was shown.
    assert.ok(performance.now() - began > Number.parseFloat(DEADLINE) * 1000);
  });

  test("can be ended by Ctrl-C while it is opened", async () => {
    using home = homeFor(false);
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
});
