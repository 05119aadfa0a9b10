import type { Note } from "../report/note.ts";
import { MASTER_ANSWER_MS, MASTER_ATTEMPTS } from "../second_chances.ts";
import type { Wire, World } from "../world.ts";
import { dataFrame, endFrame, FrameReader, messageFrame } from "./frames.ts";
import type { Reply, Request } from "./protocol.ts";
import { newest } from "./socket_names.ts";
import { controlPlace, type SocketPlace } from "./socket_place.ts";

/** What a starting master may take until it listens. */
const START_MS = 5_000;

/** What is told of the master's side. `closed` is the last of all. */
export interface ControlListener {
  reply(reply: Reply): void;
  data(bytes: Buffer): void;
  end(): void;
  closed(reason: Error | undefined): void;
}

/** The word that makes this program the master; it is heeded only in a process that was started for it. */
export const MASTER_WORD = "--master";

/** What a master has said. */
type Said =
  | { readonly kind: "reply"; readonly reply: Reply }
  | { readonly kind: "data"; readonly bytes: Buffer }
  | { readonly kind: "end" }
  | { readonly kind: "closed"; readonly reason: Error | undefined };

/** A caller's end of a control connection whose request has been put. */
export class Control {
  /** Whether the master has taken the request; false when it closed without a word. */
  readonly isThere: Promise<boolean>;
  /** Resolves when there is more to hear than that the master is there. */
  readonly spoken: Promise<void>;
  #onSpoken: () => void = () => {};
  readonly #wire: Wire;
  #listener: ControlListener | undefined;
  #isClosed = false;
  #onFirst: (isThere: boolean) => void = () => {};
  #onTaken: (() => void)[] = [];
  /** What came before anybody listened, in order. */
  #unheard: Said[] = [];

  constructor(wire: Wire) {
    this.#wire = wire;
    this.isThere = new Promise((resolve) => {
      this.#onFirst = resolve;
    });
    this.spoken = new Promise((resolve) => {
      this.#onSpoken = resolve;
    });
    const reader = new FrameReader({
      message: (value) => {
        const reply = value as Reply;
        this.#onFirst(true);
        if (reply.type !== "here") this.#tell({ kind: "reply", reply });
      },
      data: (bytes) => this.#tell({ kind: "data", bytes }),
      end: () => this.#tell({ kind: "end" }),
    });
    wire.listen({
      data: (chunk) => {
        try {
          reader.take(chunk);
        } catch {
          this.close();
        }
      },
      drained: () => this.#taken(),
      closed: () => this.close(),
    });
  }

  /** To whom everything is told from now on; first what has come already. */
  listen(listener: ControlListener): void {
    this.#listener = listener;
    const unheard = this.#unheard;
    this.#unheard = [];
    for (const said of unheard) this.#tell(said);
  }

  /** Hands the first bytes of an open session to `write` before anybody listens; kept where it does not take them. */
  passFirst(write: (bytes: Buffer) => boolean): void {
    const [opened, first] = this.#unheard;
    if (opened?.kind !== "reply" || opened.reply.type !== "opened" || first?.kind !== "data") return;
    if (write(first.bytes)) this.#unheard.splice(1, 1);
  }

  answer(text: string): void {
    this.#wire.write(messageFrame({ type: "answer", text }));
  }

  /** Sends bytes of the session; `onTaken` is called when more may follow. */
  send(bytes: Buffer, onTaken: () => void): void {
    if (this.#isClosed || this.#wire.write(dataFrame(bytes))) onTaken();
    else this.#onTaken.push(onTaken);
  }

  sendEnd(): void {
    this.#wire.write(endFrame());
  }

  pause(): void {
    this.#wire.pause();
  }

  resume(): void {
    this.#wire.resume();
  }

  /** Closes; `reason` is for whoever listens. */
  close(reason?: Error): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#wire.close();
    this.#onFirst(false);
    this.#taken();
    this.#tell({ kind: "closed", reason });
  }

  #tell(said: Said): void {
    // `opened` alone is nothing to be passed on.
    if (said.kind !== "reply" || said.reply.type !== "opened") this.#onSpoken();
    const listener = this.#listener;
    if (listener === undefined) {
      this.#unheard.push(said);
      return;
    }
    switch (said.kind) {
      case "reply":
        listener.reply(said.reply);
        break;
      case "data":
        listener.data(said.bytes);
        break;
      case "end":
        listener.end();
        break;
      case "closed":
        listener.closed(said.reason);
    }
  }

  #taken(): void {
    for (const onTaken of this.#onTaken.splice(0)) onTaken();
  }
}

export interface ReachOptions {
  readonly mayStart: boolean;
  readonly note: Note;
  /** The same request, where it has been put already. */
  readonly asked?: Control | undefined;
}

/**
 * Puts a request to the user's master. Undefined when there is none that answers within a second, with the reason in the
 * log: sharing is an optimisation, and whatever is odd about it is no reason to be without mail. With `mayStart` a
 * master is started where there is none; without it, an Error says why one cannot be asked.
 */
export async function reachMaster(
  world: World,
  request: Request,
  { mayStart, note, asked }: ReachOptions,
): Promise<Control | undefined> {
  try {
    const first = asked === undefined ? undefined : await answered(asked);
    if (first !== undefined) return first;
    const place = controlPlace(world);
    let control: Control | undefined;
    for (let left = MASTER_ATTEMPTS; left > 0 && control === undefined; left--) {
      control = await attempt(world, place, request, mayStart);
    }
    if (control === undefined && mayStart) note("master: cannot be reached: the call connects by itself");
    return control;
  } catch (error) {
    if (!mayStart) throw error;
    note(`master: ${error instanceof Error ? error.message : String(error)}: the call connects by itself`);
    return undefined;
  }
}

async function attempt(
  world: World,
  place: SocketPlace,
  request: Request,
  mayStart: boolean,
): Promise<Control | undefined> {
  const found = newest(place);
  const control = found === undefined ? null : await reachAt(world, found.path, request);
  if (control !== null) return control;
  if (mayStart) await start(world);
  return undefined;
}

/**
 * Puts a request to whoever listens at a socket. Null when nobody does, undefined when it closes without a word; rejects
 * when it does not answer within a second.
 */
export async function reachAt(
  world: World,
  path: string,
  request: Request,
): Promise<Control | undefined | null> {
  const wire = await world.connect(path);
  return wire === undefined ? null : await answered(putTo(wire, messageFrame(request)));
}

/** Puts a request, a messageFrame() of a Request, to whoever is at the other end. */
export function putTo(wire: Wire, request: Uint8Array): Control {
  // First of all: what else there is to do is done while the master works.
  wire.write(request);
  return new Control(wire);
}

/** Undefined when it closed without a word; throws when it says nothing. */
async function answered(control: Control): Promise<Control | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error("no answer within a second")), MASTER_ANSWER_MS);
  });
  try {
    return (await Promise.race([control.isThere, late])) ? control : undefined;
  } catch (error) {
    control.close();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

function start(world: World): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("it does not start")), START_MS);
    void world.background.start([MASTER_WORD]).then((report) => {
      clearTimeout(timer);
      if (report === "") reject(new Error("it could not be started"));
      else resolve();
    });
  });
}
