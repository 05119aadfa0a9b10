import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test } from "node:test";
import { type Form, forms } from "../../peers/binaries.ts";
import { program } from "../../peers/programs.ts";
import { skipUnlessRoot } from "../../peers/rights.ts";
import { makeTemporary, removeTemporary } from "../../peers/temporary.ts";
import { inboxScene } from "./inbox.ts";

/*
 * A Linux whose /proc is empty, as in some containers and chroots, and as on the systems that have none: nobody tells there
 * whose a connection is. Bun's executables do not start without /proc; the program for Node does.
 */

const node = forms.find(({ name }) => name === "node");
const skip = node === undefined ? "the executable alone is tried" : skipUnlessRoot;
const WITHOUT = [
  ...[program("unshare"), "--mount", "--propagation", "private", "/bin/sh", "-c"],
  ...['mount -t tmpfs empty /proc && exec "$@"', "sh"],
];
const form: Form = { name: "node", argv: [...WITHOUT, ...(node?.argv ?? [])] };

describe("a mailbox on a port, without /proc", { concurrency: 2, skip }, () => {
  test("is not served, and both ways of the hint serve it", { timeout: 60_000 }, async () => {
    await using on = await inboxScene(form);
    const { output, stderr } = await on.scene.run("--forward", "mail.test", "--for", "20s");
    assert.match(
      String(output) + stderr,
      /hint: listen at the path of a Unix socket, or let every user of this machine in: allow = "any-user"$/m,
    );
    await assert.rejects(on.greeted());
    const folder = makeTemporary();
    try {
      await using socket = await inboxScene(form, { listen: join(folder, "inbox") });
      assert.match(await socket.up(), /carries socket /);
      await socket.greeted();
      await using open = await inboxScene(form, { lines: 'allow = "any-user"' });
      assert.match(await open.up(), /open to every user of this machine/);
      await open.greeted();
    } finally {
      removeTemporary(folder);
    }
  });
});
