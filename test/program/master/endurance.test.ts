import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { describeForms } from "../../peers/binaries.ts";
import { poll } from "../../peers/waiting.ts";
import { startScene } from "./shared_home.ts";

/** Mailboxes that are opened and closed, and after how many the master has what it needs for good. */
const ROUNDS = {
  executable: { all: 1000, warm: 300 },
  node: { all: 200, warm: 60 },
} as const;

/** What a process holds. Resident memory in kB. */
function holdings(pid: number): { readonly descriptors: number; readonly resident: number } {
  const resident = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1];
  return { descriptors: readdirSync(`/proc/${pid}/fd`).length, resident: Number(resident) };
}

describeForms("a master that serves one mailbox after another", (form) => {
  const { all, warm } = ROUNDS[form.name];

  test(`holds after ${all} of them what it held after ${warm}`, { timeout: 300_000 }, async () => {
    await using scene = await startScene(form, {
      host: { "commands.imap": "printf '* PREAUTH ready\\r\\n'; exec cat" },
    });
    const master = async (): Promise<number> => scene.master();
    const serve = async (count: number): Promise<void> => {
      for (let round = 0; round < count; round++) {
        const call = await scene.open();
        call.end();
        await call.exited();
      }
    };
    await serve(warm);
    const pid = await master();
    const before = holdings(pid);
    await serve(all - warm);
    assert.equal(await master(), pid);
    // Descriptors are closed, and memory is given back, in a later turn.
    await poll(
      () => {
        const now = holdings(pid);
        return now.descriptors === before.descriptors && now.resident <= 1.25 * before.resident;
      },
      "what was held before",
      () => JSON.stringify({ before, now: holdings(pid) }),
    );
    assert.equal(scene.sshd.logins(), 1);
  });
});
