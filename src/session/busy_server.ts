import { setTimeout as pause } from "node:timers/promises";
import { BUSY_SERVER_PAUSE_MS } from "../second_chances.ts";
import { connect } from "../ssh/connect.ts";
import type { Connection, ConnectOptions } from "../ssh/connection.ts";
import { TurnedAway } from "../ssh/ssh2/connection_failure.ts";
import type { Target } from "../target/target.ts";

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
    await pause(BUSY_SERVER_PAUSE_MS.least + Math.random() * BUSY_SERVER_PAUSE_MS.more, undefined, {
      signal,
    }).catch(() => signal.throwIfAborted());
    return connect(target, options);
  }
}
