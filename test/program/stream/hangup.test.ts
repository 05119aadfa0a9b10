import assert from "node:assert/strict";
import { test } from "node:test";
import { describeForms, type Form } from "../../peers/binaries.ts";
import type { Call } from "../../peers/call.ts";
import { hostTable, makeHome } from "../../peers/home.ts";
import { skipWithoutNameServer, startSilentNameServer } from "./lookup.ts";
import { type MailOptions, nothingRuns, startMail } from "./mail_call.ts";
import { PLACES, type Place, WITHOUT_GREETING } from "./places.ts";

/** The contract's time from a hang-up to the end of the process, in milliseconds. */
const GONE = 1000;

/** A way to break a call off, and the status that it must end with. */
interface HangUp {
  readonly title: string;
  readonly act: (call: Call) => void;
  readonly status: number;
}

const TERMINATED: HangUp = { title: "SIGTERM", act: (call) => call.signal("SIGTERM"), status: 143 };
const INTERRUPTED: HangUp = { title: "SIGINT", act: (call) => call.signal("SIGINT"), status: 130 };

const HANG_UPS: readonly HangUp[] = [
  { title: "the client ends its input", act: (call) => call.end(), status: 69 },
  { title: "the client is killed", act: (call) => call.hangUp(), status: 69 },
  { title: "SIGHUP", act: (call) => call.signal("SIGHUP"), status: 129 },
  INTERRUPTED,
  TERMINATED,
];

/** Breaks a call off at a place: it must be gone in time, must have said nothing, and must leave nothing. */
async function breakOff(form: Form, place: Place, how: HangUp, more: MailOptions = {}): Promise<void> {
  await using standstill = await place.arrange();
  const { home, options } = standstill;
  const under = [...(options.under ?? []), ...(more.under ?? [])];
  await using call = await startMail(form, home, { ...options, ...more, under });
  await standstill.reached(call.pid);
  how.act(call);
  assert.deepEqual(await call.exited(GONE), { status: how.status, signal: null });
  assert.equal(call.output.toString(), "");
  await nothingRuns(home, GONE);
  await standstill.forgotten();
}

describeForms("hang-up before the greeting: gone within a second, without a trace", (form) => {
  for (const place of PLACES) {
    const skip = place.skip ?? false;
    for (const how of HANG_UPS) {
      test(`${how.title} while ${place.title}`, { skip }, () => breakOff(form, place, how));
    }
    test(`SIGTERM for another METHOD while ${place.title}`, { skip }, () =>
      breakOff(form, place, TERMINATED, { method: "smtp" }),
    );
  }

  test("SIGINT where it was not ignored before, as it is under Alpine", () =>
    breakOff(form, WITHOUT_GREETING, INTERRUPTED, { under: ["env", "--default-signal=INT"] }));

  const skip = skipWithoutNameServer();
  test("the deadline passes while no name server answers: the reason, and gone", { skip }, async () => {
    using home = makeHome();
    await using nameServer = await startSilentNameServer(home);
    const server = "imap.nowhere.test";
    home.writeTable(hostTable({ match: "mail.test", server, ssh_config: "none", deadline: "1s" }));
    await using call = await startMail(form, home, nameServer);
    await call.readUntil(/^\* PREAUTH .*\r\n/, 2 * GONE);
    call.write("a1 NOOP\r\n");
    assert.deepEqual(await call.exited(GONE), { status: 69, signal: null });
    assert.match(call.output.toString(), /a1 NO .*timed out looking up the address of imap\.nowhere\.test/);
    await nothingRuns(home, GONE);
  });
});
