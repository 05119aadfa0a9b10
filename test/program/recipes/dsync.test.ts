import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { describeForms } from "../../peers/binaries.ts";
import { runCall } from "../../peers/call.ts";
import { makeMailbox } from "../../peers/dovecot.ts";
import { program } from "../../peers/programs.ts";
import { makeScene } from "./recipe_home.ts";
import { recipe } from "./recipes.ts";

describeForms("the recipe for dsync", (form) => {
  test("copies the mail of this machine's Dovecot to the server", { timeout: 60_000 }, async () => {
    using here = makeMailbox();
    using there = makeMailbox({ inbox: [], archive: [] });
    // The words of a mailbox's imap, with doveadm in its place.
    const server = there.argv.map((word) => (word === program("imap") ? program("doveadm") : word)).join(" ");
    await using scene = await makeScene(form, "dsync", {
      "doveadm dsync-server": `${server} dsync-server`,
    });
    // doveadm leaves it nearly no environment, not that of the test either.
    const environment = Object.entries(scene.env).map(([name, value]) => `'${name}=${value}'`);
    const script = `#!/bin/sh\nexec env ${environment.join(" ")} ${scene.preauth} "$@"\n`;
    const preauth = scene.home.write("with-environment", script, 0o755);
    const own = recipe("dsync", "line", { "/usr/local/bin/preauth": preauth });
    const [first, ...line] = own.trim().split(" ");
    assert.equal(first, "doveadm");
    // It does nothing as root, and preauth's files are those of whoever runs the test: root is nobody, then.
    const isRoot = process.getuid?.() === 0;
    const other = isRoot ? [program("unshare"), "--user", "--map-user=65534", "--map-group=65534"] : [];
    if (isRoot) execFileSync("chown", ["-R", "0:0", here.path]);
    const words = [...other, program("doveadm"), "-c", join(here.path, "dovecot.conf"), ...line];
    const { status, stderr } = await runCall(words, {
      env: { ...scene.env, HOME: here.path, USER: "jane" },
      stdio: "pipes",
    });
    assert.equal(status, 0, stderr + scene.home.log());
    const copied = ["new", "cur"].flatMap((name) => readdirSync(join(there.path, "Maildir", name)));
    assert.equal(copied.length, here.subjects.length);
  });
});
