import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { finished } from "node:stream/promises";

/**
 * Joins a client's connection to the one that was opened for it, until both directions have ended or one side has
 * broken; both are destroyed then. The end of one side's output is passed on as such, and each side is read only as
 * fast as the other takes it. What the far side has said is delivered also when it takes no more by then:
 * stream.pipeline() would throw away what the client has not read yet. Never rejects; gives what broke the far side
 * before it had ended its output, if anything did.
 */
export async function join(client: Socket, far: Duplex): Promise<Error | undefined> {
  // An error after the end, as of a late reset, has nobody else to listen to it.
  client.on("error", () => {});
  far.on("error", () => {});
  const asked = finished(client, { writable: false });
  const taken = finished(far, { readable: false });
  const said = finished(far, { writable: false });
  const heard = finished(client, { readable: false });
  client.pipe(far);
  far.pipe(client);

  let broken: Error | undefined;
  said.catch((error: Error) => {
    broken = error;
  });
  const delivered = Promise.all([said, heard]);
  const turnedAway = taken.then(
    () => asked,
    () => delivered,
  );
  await Promise.all([delivered, Promise.race([turnedAway, failure(asked)])]).catch(() => {});
  far.destroy();
  if (broken === undefined) client.destroy();
  else reset(client);
  return broken;
}

/** Rejects as `promise` does, and never resolves. */
function failure(promise: Promise<unknown>): Promise<never> {
  return new Promise((_resolve, reject) => void promise.catch(reject));
}

/** Lets a client see that what it has received, if anything, is not the whole. A Unix socket has no reset. */
export function reset(client: Socket): void {
  if (client.remoteAddress === undefined) client.destroy();
  else client.resetAndDestroy();
}

/** Milliseconds that a client has to read why it is turned away. */
const FAREWELL_MS = 2_000;

/** Tells a client its last line. It is read on meanwhile: a connection that is closed with bytes unread is reset. */
export function farewell(client: Socket, line: string): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, FAREWELL_MS);
    client.once("close", () => {
      clearTimeout(timer);
      resolve();
    });
    if (client.destroyed) resolve();
    client.end(line);
    client.resume();
  });
}
