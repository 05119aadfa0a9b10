import { setTimeout as pause } from "node:timers/promises";
import type { Contender } from "../contender.ts";
import { openSession, type Session } from "../greeting.ts";
import type { Way } from "../transfer.ts";
import { bytesPerMs, type Shape } from "./shapes.ts";
import { startTraffic } from "./traffic.ts";

/** Milliseconds of a transfer before anything is measured beside it. */
const SETTLE = 5000;

/** Milliseconds in which NOOPs are sent, and those between two of them. */
const SPAN = 12_000;
const REST = 50;

/** NOOPs before the transfer. */
const IDLE = 5;

/** Milliseconds that a greeting or an answer is waited for. */
const PATIENCE = 60_000;

/** What one user notices of a line, without and with somebody's transfer on it; times in ms. */
export interface LineSample {
  /** The next mailbox, while nothing else goes on. */
  readonly idleGreeting: number;
  readonly idleNoops: readonly number[];
  /** The next mailbox, beside the transfer. */
  readonly greeting: number;
  /** In a mailbox that was open before. */
  readonly noops: readonly number[];
  /** Of what the line carries, what has arrived of the transfer. */
  readonly share: number;
}

/** Takes one sample. `server`: pid of the sshd. */
export async function takeSample(
  { start }: Contender,
  { shape, way, server }: { readonly shape: Shape; readonly way: Way; readonly server: number },
): Promise<LineSample> {
  const sessions: Session[] = [];
  const open = async (): Promise<Session> => {
    const session = await openSession(start("system", 0, "imap"), PATIENCE);
    sessions.push(session);
    return session;
  };
  const mailbox = await open();
  try {
    const idleNoops: number[] = [];
    for (let count = 0; count < IDLE; count++) idleNoops.push(await mailbox.noop());
    // The second one may have been prepared for when the first was opened; the third is like those to come.
    await open();
    await pause(2 * shape.roundTrip);
    const idle = await open();
    await pause(2 * shape.roundTrip);
    await using traffic = await startTraffic(start("system", 0, way), way, server);
    await pause(SETTLE);
    const [began, before] = [performance.now(), traffic.arrived()];
    const noops: number[] = [];
    while (performance.now() < began + SPAN) {
      noops.push(await mailbox.noop());
      await pause(REST);
    }
    const rate = (traffic.arrived() - before) / (performance.now() - began);
    const next = await open();
    return {
      ...{ idleGreeting: idle.time, idleNoops, greeting: next.time, noops },
      share: rate / bytesPerMs(shape),
    };
  } finally {
    // When the line is free again.
    await Promise.all(sessions.map((session) => session.close()));
  }
}
