import type { Decision } from "../table/decision.ts";
import { AT_ONCE, type World } from "../world.ts";
import { type Asked, putTo } from "./control.ts";
import { messageFrame } from "./frames.ts";
import { newest } from "./names.ts";
import { controlPlace } from "./place.ts";
import type { Request } from "./protocol.ts";

/**
 * Milliseconds that nothing else is done in, so that whoever makes the greeting has the processors to itself: on this
 * machine or near it the greeting comes meanwhile, and from afar there is time enough for all the rest.
 */
const QUIET_MS = 20;

/**
 * Asks a master that listens for a session, at once: whatever this process loads besides is loaded meanwhile. A
 * greeting that is there by then goes to the client before that. Undefined where no master listens, or something is odd
 * about it, which is for the second attempt to find out.
 */
export async function askEarly(world: World, decision: Decision): Promise<Asked | undefined> {
  try {
    const found = newest(controlPlace(world));
    if (found === undefined) return undefined;
    const connecting = world.connect(found.path);
    // Made while the master wakes up and takes the connection.
    const request = messageFrame(sessionRequest(world, decision));
    const wire = await connecting;
    if (wire === undefined) return undefined;
    const asked = putTo(wire, request);
    if (decision.method === "imap") await passGreeting(asked, world);
    return asked;
  } catch {
    return undefined;
  }
}

async function passGreeting({ control }: Asked, world: World): Promise<void> {
  await Promise.race([control.spoken, new Promise((resolve) => setTimeout(resolve, QUIET_MS))]);
  control.passEarly((bytes) => bytes.length <= AT_ONCE && world.write(1, bytes));
}

/** The request for a session of this call. */
export function sessionRequest(world: World, decision: Decision): Request {
  const { env, home } = world;
  return { type: "session", decision, env, home, elapsed: world.elapsed() };
}
