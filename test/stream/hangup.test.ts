import assert from "node:assert/strict";
import { test } from "node:test";
import { describeForms } from "../peers/binaries.ts";
import type { Call } from "../peers/call.ts";
import { nothingRuns, startMail } from "./mail_call.ts";
import { PLACES } from "./places.ts";

/** The contract's time from a hang-up to the end of the process, in milliseconds. */
const GONE = 1000;

const SIGNALS = [
  ["SIGHUP", 129],
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const;

const HANG_UPS: readonly { title: string; act: (call: Call) => void; status: number }[] = [
  { title: "the client ends its input", act: (call) => call.end(), status: 69 },
  { title: "the client is killed", act: (call) => call.hangUp(), status: 69 },
  ...SIGNALS.map(([name, status]) => ({ title: name, act: (call: Call) => call.signal(name), status })),
];

describeForms("hang-up before the greeting", (form) => {
  for (const place of PLACES) {
    for (const { title, act, status } of HANG_UPS) {
      test(`${title} while ${place.title}: gone within a second, without a trace`, async () => {
        await using standstill = await place.arrange();
        const { home, env } = standstill;
        await using call = await startMail(form, home, env === undefined ? {} : { env });
        await standstill.reached(call.pid);
        act(call);
        const ended = await call.exited(GONE);
        assert.deepEqual(ended, { status, signal: null });
        assert.equal(call.output.toString(), "");
        await nothingRuns(home, GONE);
        await standstill.forgotten();
      });
    }
  }
});
