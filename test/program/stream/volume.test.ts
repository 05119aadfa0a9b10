import assert from "node:assert/strict";
import { test } from "node:test";
import { describeForms, type Form } from "../../peers/binaries.ts";
import { makeHome, tableFor } from "../../peers/home.ts";
import type { Stdio } from "../../peers/plumbing.ts";
import { type RecentSshd, recentSshd, skipWithoutRecentSshd } from "../../peers/recent_sshd.ts";
import { startSshd } from "../../peers/sshd.ts";
import { startMail } from "./mail_call.ts";
import { Drain, GREET, GREETING, MIB, Pump, peakMemory } from "./stream.ts";

const TIMEOUT = { timeout: 60_000 };

/** The most memory ever, in MiB: Bun's collector lets 120 MiB gather over its 60 while 200 MiB a second flow, Node's 50. */
const PEAK = 300;

/** What an echo of so many bytes is carried over. */
interface EchoOptions {
  readonly bytes: number;
  readonly stdio: Stdio;
  readonly config?: readonly string[];
  /** Another sshd than the installed one. */
  readonly program?: RecentSshd | undefined;
}

/** Sends bytes to a remote cat and compares what comes back. Gives sshd's log. */
async function echo(form: Form, { bytes, stdio, config = [], program }: EchoOptions): Promise<string> {
  using home = makeHome();
  await using sshd = await startSshd({ config, program });
  home.writeTable(tableFor(sshd, { "commands.imap": `${GREET}; exec cat` }));
  await using call = await startMail(form, home, { stdio, collect: false });
  const drain = new Drain(call.stdout, GREETING.length);
  const sent = await new Pump().run(call.stdin, bytes);
  await drain.reached(bytes);
  assert.ok(peakMemory(call.pid) < PEAK, `${peakMemory(call.pid)} MiB`);
  call.end();
  assert.deepEqual(await drain.ended(), sent);
  assert.equal(drain.head.toString(), GREETING);
  assert.deepEqual(await call.exited(), { status: 0, signal: null });
  return sshd.log();
}

describeForms("large amounts", (form) => {
  test("256 MiB go each way through pipes, byte for byte", TIMEOUT, async () => {
    await echo(form, { bytes: 256 * MIB, stdio: "alpine" });
  });

  test("256 MiB go each way through one socketpair, byte for byte", TIMEOUT, async () => {
    await echo(form, { bytes: 256 * MIB, stdio: "socketpair" });
  });

  test("64 MiB go each way while the keys are renewed at every quarter of a MiB", TIMEOUT, async () => {
    const config = ["RekeyLimit 256K", "LogLevel DEBUG1"];
    const log = await echo(form, { bytes: 64 * MIB, stdio: "alpine", config });
    const renewals = log.match(/SSH2_MSG_KEXINIT received/g)?.length ?? 0;
    assert.ok(renewals > 128, `${renewals} key exchanges`);
  });

  test("16 MiB go each way while ML-KEM renews the keys", {
    ...TIMEOUT,
    skip: skipWithoutRecentSshd(),
  }, async () => {
    const config = ["RekeyLimit 256K", "LogLevel DEBUG1"];
    const log = await echo(form, { bytes: 16 * MIB, stdio: "alpine", config, program: recentSshd() });
    const renewals = log.match(/kex: algorithm: mlkem768x25519-sha256/g)?.length ?? 0;
    assert.ok(renewals > 32, `${renewals} key exchanges`);
  });
});
