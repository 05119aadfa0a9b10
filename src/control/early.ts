import type { Decision } from "../table/decision.ts";
import { AT_ONCE, type PendingInput, type World } from "../world.ts";
import { type Control, putTo } from "./callers_end.ts";
import { messageFrame } from "./frames.ts";
import type { Request } from "./protocol.ts";
import { newest } from "./socket_names.ts";
import { controlPlace } from "./socket_place.ts";

/**
 * Milliseconds that nothing else is done in, so that whoever makes the greeting has the processors to itself: on this
 * machine or near it the greeting comes meanwhile, and from afar there is time enough for all the rest.
 */
const QUIET_MS = 20;

/** What a call has come to before anything else was loaded. */
export interface Early {
  /** Undefined where no master listens, or something is odd about it, which is for the second attempt to find out. */
  readonly asked: Control | undefined;
  /** What the mail client has said meanwhile, where that was looked at. */
  readonly heard: PendingInput | undefined;
}

/**
 * Asks a master that listens for a session, at once: whatever this process loads besides is loaded meanwhile. A
 * greeting that is there by then goes to the client before that.
 */
export async function askEarly(world: World, decision: Decision): Promise<Early> {
  const asked = await put(world, decision);
  const heard =
    asked !== undefined && decision.method === "imap" ? await passGreeting(asked, world) : undefined;
  return { asked, heard };
}

async function put(world: World, decision: Decision): Promise<Control | undefined> {
  try {
    const found = newest(controlPlace(world));
    if (found === undefined) return undefined;
    const connecting = world.connect(found.path);
    // Made while the master wakes up and takes the connection.
    const request = messageFrame(sessionRequest(world, decision));
    const wire = await connecting;
    return wire === undefined ? undefined : putTo(wire, request);
  } catch {
    return undefined;
  }
}

/** Not where it cannot be told whether the client is still there: no greeting is for one that has hung up. */
async function passGreeting(control: Control, world: World): Promise<PendingInput | undefined> {
  if (!world.inputIsPipe()) return undefined;
  let isBroken = false;
  const broken = new Promise<void>((resolve) => {
    world.onSignal(() => {
      isBroken = true;
      resolve();
    });
  });
  await Promise.race([control.spoken, broken, new Promise((resolve) => setTimeout(resolve, QUIET_MS))]);
  const heard = world.pendingInput();
  if (heard !== undefined && heard !== "end" && !isBroken) {
    control.passEarly((greeting) => greeting.length <= AT_ONCE && world.write(1, greeting));
  }
  return heard;
}

/** The request for a session of this call. */
export function sessionRequest(world: World, decision: Decision): Request {
  const { env, home } = world;
  return { type: "session", decision, env, home, elapsed: world.elapsed() };
}
