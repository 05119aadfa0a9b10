import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { describeForms } from "../../peers/binaries.ts";
import { gone } from "../../peers/processes.ts";
import { answers, logout, type Scene, startScene } from "./shared_home.ts";

// The process looks every 20 s.
const WITHIN = 45_000;

/** A spare mailbox, and nobody who calls; gives the table. */
async function settled(scene: Scene): Promise<string> {
  assert.equal(await logout(await scene.open()), 0);
  await spares(scene, 1);
  return readFileSync(scene.home.tableFile, "utf8");
}

async function spares(scene: Scene, count: number): Promise<void> {
  const counted = (each: readonly { readonly spare: number }[]) =>
    each.reduce((sum, one) => sum + one.spare, 0);
  await scene.statusOnce(({ connections }) => counted(connections) === count, `${count} spare mailboxes`);
}

describeForms(
  "a process in the background whose table changes while nobody calls",
  { concurrency: 8, together: true },
  (form) => {
    const host = { spare: 1, persist: "forever" } as const;

    for (const [title, change] of [
      [
        "has no share for the host any more",
        (table: string) => table.replace("share = true", "share = false"),
      ],
      [
        "has another server for it",
        (table: string) => table.replace("[[host]]", "[[host]]\ncompression = true"),
      ],
      ["has the host no more", (table: string) => table.replace(/^match = .*$/m, 'match = "other.test"')],
    ] as const) {
      test(`ends, with its spare mailbox, where the table ${title}`, async () => {
        await using scene = await startScene(form, { host });
        const table = await settled(scene);
        const pid = await scene.master();
        assert.notEqual(change(table), table);
        scene.home.writeTable(change(table));
        await gone(pid, WITHIN);
        assert.equal(scene.sshd.logins(), 1);
      });
    }

    test("keeps the connection and ends the spare mailbox where only the command is another one", async () => {
      await using scene = await startScene(form, { host });
      const table = await settled(scene);
      scene.home.writeTable(table.replace(/exec /, "exec  "));
      await scene.logged(/mail\.test: spare: the table wants another one, or none/, WITHIN);
      await spares(scene, 0);
      const call = await scene.open();
      await answers(call, "a1");
      assert.equal(await logout(call), 0);
      await spares(scene, 1);
      assert.equal(scene.sshd.logins(), 1);
    });

    test("keeps both where the table cannot be read", async () => {
      await using scene = await startScene(form, { host });
      await settled(scene);
      scene.home.writeTable("[[host\n");
      await scene.logged(/mail\.test: what is open stays: /, WITHIN);
      await spares(scene, 1);
    });
  },
);
