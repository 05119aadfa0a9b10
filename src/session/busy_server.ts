import { setTimeout as pause } from "node:timers/promises";
import { connect } from "../ssh/connect.ts";
import type { Connection, ConnectOptions } from "../ssh/connection.ts";
import { TurnedAway } from "../ssh/ssh2/connection_failure.ts";
import type { Target } from "../target/target.ts";

/** Milliseconds before the second attempt, at least, and at most so many more: those who were turned away together part. */
const PAUSE = 100;
const JITTER = 400;

/**
 * As connect(), and once more, after a moment, where the server has closed the connection before its version line:
 * others may have been logging in just then. Not through a ProxyCommand, which may have failed for reasons of its own,
 * such as a login that was refused.
 */
export async function connectTwice(target: Target, options: ConnectOptions): Promise<Connection> {
  const { signal, note, progress } = options;
  try {
    return await connect(target, options);
  } catch (error) {
    if (!(error instanceof TurnedAway) || target.proxyCommand.value !== undefined) throw error;
    note(`${target.server}: ${error.what}: once more`);
    progress.begin("connect", `waiting to connect to ${target.server} again`);
    await pause(PAUSE + Math.random() * JITTER, undefined, { signal }).catch(() => signal.throwIfAborted());
    return connect(target, options);
  }
}
