import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { describeForms } from "../../peers/binaries.ts";
import { startCall } from "../../peers/call.ts";
import { makeHome, tableFor } from "../../peers/home.ts";
import { type Sshd, startSshd } from "../../peers/sshd.ts";
import { GREET, standingStill, writtenBy } from "./stream.ts";

let sshd: Sshd;
before(async () => {
  sshd = await startSshd();
});
after(() => sshd.stop());

describeForms("a client whose upload is held back", (form) => {
  for (const stdio of ["alpine", "pipes"] as const) {
    test(`is gone, and so is the call within a second: ${stdio}`, async () => {
      using home = makeHome();
      home.writeTable(tableFor(sshd, { "commands.imap": `${GREET}; exec sleep 99` }));
      const words = [...form.argv, "mail.test", "jane", "imap"];
      await using call = await startCall(words, { env: home.env, stdio });
      await call.readUntil(/^\* PREAUTH .*\r\n/);
      call.write(Buffer.alloc(20 * 1024 * 1024, "x"));
      await standingStill(() => writtenBy([call.pid]));
      call.hangUp();
      assert.deepEqual(await call.exited(1000), { status: 0, signal: null });
    });
  }
});
