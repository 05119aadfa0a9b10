import assert from "node:assert/strict";
import { test } from "node:test";
import { describeForms } from "../../peers/binaries.ts";
import { makeHome } from "../../peers/home.ts";
import { startProxy } from "../../peers/proxy.ts";
import { startSshd } from "../../peers/sshd.ts";
import { largestFlight } from "./flights.ts";
import { startMail } from "./mail_call.ts";
import { throughTable } from "./places.ts";
import { Drain, GREET, GREETING, MIB, Pump, peakMemory, standingStill } from "./stream.ts";

const TIMEOUT = { timeout: 60_000 };

/** What is to be on its way at once, in bytes: 60 MB/s at a round-trip time of 100 ms. */
const FLIGHT = 6 * MIB;

/** What is waited for, so that the stall is one with a wide window. */
const WIDE = 14 * MIB;

/** The widest window, with what lies in the client's pipe and in the streams before it. */
const UNREAD = 17 * MIB;

/** How much more memory such a stall may take, in MiB: what is unread, and the runtime's share. */
const STALLED = 48;

describeForms("a server far away", (form) => {
  test(
    "sends 6 MiB ahead of a client that reads, and no more than 16 ahead of one that stalls",
    TIMEOUT,
    async () => {
      using home = makeHome();
      await using sshd = await startSshd();
      await using proxy = await startProxy({ to: sshd });
      const total = 256 * MIB;
      const command = `${GREET}; read go; head -c ${total} /dev/zero; exec cat`;
      home.writeTable(throughTable(home, sshd, proxy, { "commands.imap": command }));
      await using call = await startMail(form, home, { collect: false });
      const drain = new Drain(call.stdout, GREETING.length);
      await drain.reached(0);
      proxy.freeze();
      call.write("go\n");
      const flight = await largestFlight(proxy, WIDE);
      assert.equal(flight >= FLIGHT, true, `${flight} bytes`);

      drain.pause();
      const before = peakMemory(call.pid);
      await standingStill(() => proxy.down);
      const unread = proxy.down - drain.bytes;
      assert.equal(unread < UNREAD, true, `${unread} bytes`);
      const grown = peakMemory(call.pid) - before;
      assert.equal(grown < STALLED, true, `${grown} MiB after ${before}`);

      drain.resume();
      await drain.reached(total);
      call.end();
      assert.equal((await drain.ended()).bytes, total);
      assert.deepEqual(await call.exited(), { status: 0, signal: null });
    },
  );
});

/** sshd's window for a session without a terminal (channels.h of OpenSSH, CHAN_SES_WINDOW_DEFAULT). */
const SERVER_WINDOW = 2 * MIB;

describeForms("a server that does not read", (form) => {
  test("is sent all that its window takes, and no more", TIMEOUT, async () => {
    using home = makeHome();
    await using sshd = await startSshd();
    await using proxy = await startProxy({ to: sshd });
    home.writeTable(throughTable(home, sshd, proxy, { "commands.imap": `${GREET}; exec sleep 30` }));
    await using call = await startMail(form, home, { collect: false });
    await new Drain(call.stdout, GREETING.length).reached(0);
    const before = proxy.up;
    void new Pump().run(call.stdin, 8 * MIB).catch(() => {});
    await standingStill(() => proxy.up);
    const sent = proxy.up - before;
    // Beside the window there is what the pipe to its command holds, and what SSH puts around it all.
    assert.ok(sent >= SERVER_WINDOW && sent < 1.2 * SERVER_WINDOW, `${sent} bytes`);
    call.hangUp();
  });
});
