import assert from "node:assert/strict";
import { test } from "node:test";
import { describeForms, type Form } from "../../peers/binaries.ts";
import type { Call } from "../../peers/call.ts";
import { type Home, makeHome, tableFor } from "../../peers/home.ts";
import { type Sshd, startSshd } from "../../peers/sshd.ts";
import { nothingRuns, startMail } from "./mail_call.ts";

/** The contract's time from a hang-up to the end of the process, in milliseconds. */
const GONE = 1000;

const HANG_UPS: readonly { title: string; act: (call: Call) => void; status: number }[] = [
  { title: "the client ends its input", act: (call) => call.end(), status: 77 },
  { title: "the client is killed", act: (call) => call.hangUp(), status: 77 },
  { title: "SIGHUP", act: (call) => call.signal("SIGHUP"), status: 129 },
  { title: "SIGINT", act: (call) => call.signal("SIGINT"), status: 130 },
  { title: "SIGTERM", act: (call) => call.signal("SIGTERM"), status: 143 },
];

/** A call that is refused, since the host key has changed, and now waits for the client's first command. */
async function refused(form: Form, home: Home, sshd: Sshd): Promise<Call> {
  home.writeTable(tableFor(sshd, { known_hosts: sshd.knownHostsFile("wrong") }));
  const call = await startMail(form, home);
  await call.readUntil(/^\* PREAUTH [^\r\n]*\r\n$/);
  return call;
}

describeForms("hang-up during a refusal", (form) => {
  for (const { title, act, status } of HANG_UPS) {
    test(`${title}: gone within a second, without another word`, async () => {
      using home = makeHome();
      await using sshd = await startSshd();
      await using call = await refused(form, home, sshd);
      const said = call.output.toString();
      act(call);
      assert.deepEqual(await call.exited(GONE), { status, signal: null });
      assert.equal(call.output.toString(), said);
      await nothingRuns(home, GONE);
      await sshd.idle();
    });
  }

  test("a client that no longer reads: gone within a second of its command", async () => {
    using home = makeHome();
    await using sshd = await startSshd();
    await using call = await refused(form, home, sshd);
    call.hangUpReading();
    call.write("a1 NOOP\r\n");
    assert.deepEqual(await call.exited(GONE), { status: 77, signal: null });
  });

  test("the server is rid of the call while the client still thinks about it", async () => {
    using home = makeHome();
    await using sshd = await startSshd();
    await using _call = await refused(form, home, sshd);
    await sshd.idle();
  });
});
