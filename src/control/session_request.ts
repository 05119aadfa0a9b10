import type { Note } from "../report/note.ts";
import type { Decision } from "../table/decision.ts";
import { AT_ONCE, type PendingInput, type World } from "../world.ts";
import { type Control, putTo, reachMaster } from "./callers_end.ts";
import { messageFrame } from "./frames.ts";
import type { Request } from "./protocol.ts";
import { newest } from "./socket_names.ts";
import { controlPlace } from "./socket_place.ts";

/**
 * Milliseconds that nothing else is done in, so that whoever makes the greeting has the processors to itself: on this
 * machine or near it the greeting comes meanwhile, and from afar there is time enough for all the rest.
 */
const QUIET_MS = 20;

/** A mail call's request to the master for a session. */
export class SessionRequest {
  readonly #world: World;
  readonly #decision: Decision;
  #atOnce: Control | undefined;
  #heard: PendingInput | undefined;

  constructor(world: World, decision: Decision) {
    this.#world = world;
    this.#decision = decision;
  }

  /** What the mail client has said meanwhile, where that was looked at. */
  get heard(): PendingInput | undefined {
    return this.#heard;
  }

  /**
   * Asks a master that listens, before anything else is loaded: that is done while the master works. A greeting that is
   * there by then goes to the client before that: with a spare mailbox it comes after 0.60 times what a warm ControlMaster
   * takes, and without this after 0.91 times (medians of 120 calls in turns; the quickest 9.2 and 14.1 ms). Where none
   * listens, or something is odd, control() finds out.
   */
  async atOnce(): Promise<void> {
    const control = await this.#put();
    this.#atOnce = control;
    if (control !== undefined && this.#decision.method === "imap") this.#heard = await this.#greet(control);
  }

  /** The master that has taken the request, started where there is none; undefined where the call connects by itself. */
  control(note: Note): Promise<Control | undefined> {
    return reachMaster(this.#world, this.#request(), { mayStart: true, note, asked: this.#atOnce });
  }

  async #put(): Promise<Control | undefined> {
    try {
      const found = newest(controlPlace(this.#world));
      if (found === undefined) return undefined;
      const connecting = this.#world.connect(found.path);
      // Made while the master wakes up and takes the connection.
      const request = messageFrame(this.#request());
      const wire = await connecting;
      return wire === undefined ? undefined : putTo(wire, request);
    } catch {
      return undefined;
    }
  }

  /** Not where it cannot be told whether the client is still there: no greeting is for one that has hung up. */
  async #greet(control: Control): Promise<PendingInput | undefined> {
    const world = this.#world;
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
      control.passFirst((greeting) => greeting.length <= AT_ONCE && world.write(1, greeting));
    }
    return heard;
  }

  #request(): Request {
    const { env, home } = this.#world;
    return { type: "session", decision: this.#decision, env, home, elapsed: this.#world.elapsed() };
  }
}
