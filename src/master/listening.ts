import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { messageFrame } from "../control/frames.ts";
import { type Claim, type Generation, isOwn, release } from "../control/generations.ts";
import type { Reply } from "../control/protocol.ts";
import type { Role, SocketPlace } from "../control/socket_place.ts";
import { Failure, partsOf } from "../failure.ts";
import type { Note } from "../report/note.ts";
import { Descriptors } from "./descriptors.ts";

/** Milliseconds between two looks at one's own name: a log-out takes /run/user/UID away with all that is in it (logind). */
const LOOK_MS = 20_000;

/** Milliseconds that a caller has to go when it was turned away. */
const TURN_AWAY_MS = 1_000;

/** What listens, and what is told. */
export interface ListeningOptions {
  /** What the log calls it. */
  readonly who: Role;
  /** Where callers look now: the runtime directory comes and goes, and a machine may change its name. Throws where that is nowhere. */
  readonly place: () => SocketPlace;
  /** Gets a name there for a socket. Throws where there is none to be had. */
  readonly claim: (place: SocketPlace, server: Server) => Promise<Claim>;
  readonly note: Note;
  readonly onCaller: (socket: Socket) => void;
  /** Called as often as its name is looked at. */
  readonly onLook?: () => void;
  /** No caller can find it any more, and it cannot be helped. */
  readonly onLost: () => void;
}

/** The socket that callers find a process in the background at. */
export class Listening {
  readonly #options: ListeningOptions;
  readonly #descriptors: Descriptors;
  readonly #timer: NodeJS.Timeout;
  #server: Server;
  #generation: Generation;

  private constructor(options: ListeningOptions, descriptors: Descriptors, server: Server, own: Generation) {
    this.#options = options;
    this.#descriptors = descriptors;
    this.#server = server;
    this.#generation = own;
    this.#timer = setInterval(() => void this.#look(), LOOK_MS);
  }

  /** Undefined when another has the name. Throws where nobody can. */
  static async begin(options: ListeningOptions): Promise<Listening | undefined> {
    const descriptors = new Descriptors(options.note);
    const found = await listen(options, descriptors);
    return found && new Listening(options, descriptors, found.server, found.generation);
  }

  get path(): string {
    return this.#generation.path;
  }

  /** Nobody finds it any more; who has found it is served to the end. */
  end(): void {
    clearInterval(this.#timer);
    release(this.#generation);
  }

  close(): void {
    this.#server.close();
  }

  /** Makes itself known again where its name has gone, or is another's, or where callers look elsewhere by now. */
  async #look(): Promise<void> {
    this.#options.onLook?.();
    const own = isOwn(this.#generation);
    if (own && this.#isWhereCallersLook()) return;
    const { who, note, onLost } = this.#options;
    note(`${who}: ${this.path} ${own ? "is not where callers look now" : "has gone"}`);
    release(this.#generation);
    const found = await listen(this.#options, this.#descriptors).catch((error: unknown) => {
      note(`${who}: cannot listen: ${error instanceof Error ? error.message : String(error)}`);
    });
    if (found) {
      this.#server.close();
      this.#server = found.server;
      this.#generation = found.generation;
      note(`${who}: listening again at ${this.path}`);
      return;
    }
    clearInterval(this.#timer);
    onLost();
  }

  #isWhereCallersLook(): boolean {
    try {
      const { directory, prefix } = this.#options.place();
      return this.path.startsWith(`${join(directory, prefix)}.`);
    } catch {
      // They look nowhere.
      return false;
    }
  }
}

async function listen(
  { who, place, claim, note, onCaller }: ListeningOptions,
  descriptors: Descriptors,
): Promise<{ readonly server: Server; readonly generation: Generation } | undefined> {
  const server = createServer((socket) => {
    if (descriptors.hasRoom) onCaller(socket);
    else turnAway(socket);
  });
  const claimed = await claim(place(), server);
  if (claimed.kind === "taken") {
    server.close();
    return undefined;
  }
  server.on("error", (error) => note(`${who}: ${error.message}`));
  return { server, generation: claimed.generation };
}

/** Tells a caller to connect by itself. One that waited to be accepted would have the runtime turn in a loop. */
function turnAway(socket: Socket): void {
  const failure = partsOf(new Failure("bug", "master", "too many files are open"));
  socket.on("error", () => {});
  // Read to its end: what lies unread when it is closed would take the answer back (ECONNRESET).
  socket.resume().end(messageFrame({ type: "failure", failure } satisfies Reply));
  const timer = setTimeout(() => socket.destroy(), TURN_AWAY_MS);
  socket.once("close", () => clearTimeout(timer));
}
