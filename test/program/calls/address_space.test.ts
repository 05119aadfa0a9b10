import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { describeForms } from "../../peers/binaries.ts";
import { logout, startScene } from "../master/shared_home.ts";

const document = readFileSync(new URL("../../../doc/troubleshooting.md", import.meta.url), "utf8");
/** What doc/troubleshooting.md says is enough, as ulimit -v counts: for the executable, and for the form for Node. */
const ENOUGH = [...document.matchAll(/`ulimit -v (\d+)`/g)].map(([, size]) => Number(size));

describeForms("a limit of address space", { concurrency: 3 }, (form) => {
  const under = (kilobytes: number | undefined) => ["prlimit", `--as=${(kilobytes ?? 0) * 1024}`];

  for (const share of [true, false]) {
    test(`that doc/troubleshooting.md calls enough is, where connections are ${share ? "shared" : "not shared"}`, async () => {
      await using scene = await startScene(form, { host: { share } });
      const call = await scene.open({ under: under(ENOUGH[form.name === "executable" ? 0 : 1]) });
      assert.equal(await logout(call), 0);
    });
  }

  test("that lets the program run, but not all of it, has nothing written that is not IMAP", async () => {
    await using scene = await startScene(form, { host: { share: false } });
    const call = await scene.start({ under: under(1_500_000) });
    await call.readUntil(/^\* PREAUTH .*\r\n/);
    call.hangUp();
  });
});
