import { onceEnded } from "../session/ended.ts";
import type { End } from "../session/exit.ts";
import { Farewell } from "../session/farewell.ts";
import type { Client } from "./client.ts";
import type { RelayedCommand } from "./session.ts";

/** What the relay is given beside its two ends. */
export interface RelayOptions {
  /** Whether the end of the client's input means that it will not read for long either (METHOD imap). */
  readonly inputEndsSession: boolean;
  /** Bytes of the server that go first. */
  readonly first: readonly Buffer[];
  /** Whoever decides which of the server's bytes are the client's. Default: all are. */
  readonly guard?: Guard | undefined;
}

/** Holds back what is not the client's. */
export interface Guard {
  /** The bytes that may be passed on now that these have come; none where the array is empty. */
  take(chunk: Buffer): Buffer;
  /** The same when the server says no more. */
  end(): Buffer;
}

/**
 * Carries bytes both ways until the remote command has ended and all of its output is with the client. Each
 * side is read only as fast as the other takes it. The end of one side's output is passed on as such.
 */
export async function relay(client: Client, remote: RelayedCommand, options: RelayOptions): Promise<End> {
  const farewell = new Farewell(() => remote.hangUp());
  carryDown(client, remote, farewell, options);
  // The server may close its end first: what the client still says has nowhere to go.
  remote.stdin.on("error", () => {});
  client.pour(remote.stdin, () => {
    remote.stdin.end();
    if (options.inputEndsSession) farewell.start();
  });
  const exit = await remote.ended;
  farewell.stop();
  await client.flushed();
  return farewell.over ? { kind: "left" } : exit;
}

/** Server to client. */
function carryDown(
  client: Client,
  remote: RelayedCommand,
  farewell: Farewell,
  { first, guard }: RelayOptions,
): void {
  let held = false;
  const pass = (chunk: Buffer): void => {
    farewell.heard();
    if (chunk.length === 0 || client.write(chunk) || held) return;
    held = true;
    remote.stdout.pause();
    farewell.suspend();
    client.drained(() => {
      held = false;
      farewell.heard();
      remote.stdout.resume();
    });
  };
  for (const chunk of first) pass(chunk);
  remote.stdout.on("data", guard === undefined ? pass : (chunk: Buffer) => pass(guard.take(chunk)));
  // A server may end its output and go on reading.
  onceEnded(remote.stdout, () => {
    if (guard !== undefined) pass(guard.end());
    void client.flushed().then(() => client.endOutput());
  });
  if (!held) remote.stdout.resume();
}
