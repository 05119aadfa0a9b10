import type { Socket } from "node:net";
import { claim } from "../control/generations.ts";
import { Peer } from "../control/masters_end.ts";
import type { Reply, Request, Status, Wanted } from "../control/protocol.ts";
import { controlPlace } from "../control/socket_place.ts";
import { Failure } from "../failure.ts";
import { Progress } from "../progress.ts";
import { openLog } from "../report/log.ts";
import type { Note } from "../report/note.ts";
import type { OpeningOptions } from "../session/opening.ts";
import { stateDirectory } from "../state/directory.ts";
import type { World } from "../world.ts";
import { carriedOn } from "./forwards.ts";
import { Listening } from "./listening.ts";
import { Shares } from "./shares.ts";

/** Milliseconds that a master waits for its first caller, who was there when it was started. */
const FIRST_CALL_MS = 3_000;

/**
 * The process in the background that holds connections and forwards for all calls of a user. Ends with status 0 when
 * nobody has used it for as long as the table says, or when there is a master already.
 */
export async function runMaster(world: World): Promise<number> {
  const note = openLog(stateDirectory(world.env, world.home), world);
  const master = new Master(world, note);
  let listening: Listening | undefined;
  try {
    listening = await Listening.begin({
      ...{ who: "master", note },
      place: () => controlPlace(world),
      claim: (place, server) => claim(place, server, String(world.pid)),
      onCaller: (socket) => master.accept(socket),
      onLook: () => master.look(),
      onLost: () => master.retire(),
    });
  } catch (error) {
    note(`master: cannot listen: ${error instanceof Error ? error.message : String(error)}`);
    return 69;
  }
  if (listening === undefined) {
    world.background.report("taken");
    return 0;
  }
  master.listen(listening);
  world.onSignal((_signal, status) => master.end(status));
  world.onBug((error) => {
    note(`master: internal error: ${error instanceof Error ? error.stack : String(error)}`);
    master.end(70);
  });
  note(`master: listening at ${listening.path}`);
  world.background.report("listening");
  const status = await master.over;
  listening.close();
  note(`master: ended with status ${status}`);
  return status;
}

/** The requests of callers, and what serves them. */
class Master {
  readonly #world: World;
  readonly #note: Note;
  /** Resolves with the exit status. */
  readonly over: Promise<number>;
  #listening: Listening | undefined;
  #resolve: (status: number) => void = () => {};
  readonly #shares: Shares;
  readonly #since = Date.now();
  #peers = 0;
  #isEnding = false;
  /** Whether somebody has asked for something, or had the time to. */
  #wasAsked = false;

  constructor(world: World, note: Note) {
    this.#world = world;
    this.#note = note;
    this.#shares = new Shares(world, note, () => this.#look());
    this.over = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  /** Callers come from now on. */
  listen(listening: Listening): void {
    this.#listening = listening;
    setTimeout(() => this.#asked(), FIRST_CALL_MS);
  }

  /** No caller finds it any more: it ends when nobody uses it. */
  retire(): void {
    this.#note("master: cannot be found any more: ending when nothing is in use");
    void this.#shares.stop(false);
    this.#asked();
  }

  /** What the table does not want any more is to end, though nobody calls. */
  look(): void {
    this.#shares.look().catch((error: unknown) => {
      this.#note(`master: internal error: ${error instanceof Error ? error.stack : String(error)}`);
    });
  }

  accept(socket: Socket): void {
    this.#peers++;
    socket.once("close", () => {
      this.#peers--;
      this.#look();
    });
    const peer = new Peer(socket, (request) => {
      // Without a word: who has found it just before its end looks for another one then.
      if (this.#isEnding) return void socket.destroy();
      this.#wasAsked = true;
      void this.#serve(peer, request);
    });
  }

  /** Ends everything at once; asked a second time, without leave of anybody. */
  end(status: number): void {
    if (this.#isEnding) {
      this.#resolve(status);
      return;
    }
    this.#isEnding = true;
    // First: nobody may find it who would not be answered.
    this.#listening?.end();
    void this.#shares.stop(true).then(() => this.#resolve(status));
  }

  async #serve(peer: Peer, request: Request): Promise<void> {
    try {
      await this.#handle(peer, request);
    } catch (error) {
      if (!(error instanceof Failure)) {
        this.#note(`master: internal error: ${error instanceof Error ? error.stack : String(error)}`);
      }
      peer.fail(error);
    }
  }

  async #handle(peer: Peer, request: Request): Promise<void> {
    switch (request.type) {
      case "session":
        return this.#session(peer, request);
      case "forward": {
        peer.reply({ type: "here" });
        const options = this.#options(peer, request);
        const lines = await this.#shares.serve(request, peer.gone, (share) =>
          share.forward(request.decision, options, request.time),
        );
        peer.reply({ type: "done", lines });
        return peer.close();
      }
      case "login": {
        peer.reply({ type: "here" });
        const { remotePerson } = await import("./remote_person.ts");
        const options: OpeningOptions = {
          ...this.#options(peer, request),
          ...{ purpose: "login", person: remotePerson(peer) },
          progress: new Progress((step, outcome) => peer.reply({ type: "step", step, outcome })),
        };
        const isNew = await this.#shares.serve(request, peer.gone, (share) =>
          share.login(request.decision, options),
        );
        peer.reply({ type: "done", lines: isNew ? [] : [`${request.decision.server}: logged in already`] });
        return peer.close();
      }
      case "status":
        peer.reply({ type: "status", status: this.#status() });
        return peer.close();
      case "stop":
        peer.reply(this.#stop(request.server, request.now));
        return peer.close();
      default:
        throw new Failure("usage", "master", "unknown request");
    }
  }

  async #session(peer: Peer, request: Request & { readonly type: "session" }): Promise<void> {
    // In the next turn, so that a spare mailbox, which is there in this one, wakes its caller only once.
    const here = setImmediate(() => peer.reply({ type: "here" }));
    const options = this.#options(peer, request);
    const [started, { carrySession }] = await Promise.all([
      this.#shares.serve(request, peer.gone, (share) => share.session(request.decision, options)),
      import("./session.ts"),
    ]);
    clearImmediate(here);
    await carrySession(started, peer);
  }

  /** What a caller brings along: its environment, and its own end of what is said meanwhile. */
  #options(peer: Peer, request: Wanted): OpeningOptions {
    const { gone } = peer;
    return this.#shares.options(request, { gone, onRemark: (line) => peer.reply({ type: "remark", line }) });
  }

  #status(): Status {
    return {
      pid: this.#world.pid,
      since: this.#since,
      socket: this.#listening?.path ?? "",
      ...this.#shares.status(),
    };
  }

  #stop(server: string | undefined, now: boolean): Reply {
    const shares = this.#shares.for(server);
    const sessions = shares.reduce((sum, share) => sum + share.sessions, 0);
    const forwards = shares.flatMap((share) => share.status().forwards);
    const carried = carriedOn(forwards);
    const servers = shares.map((share) => share.server);
    for (const share of shares) share.stop(now);
    return { type: "stopped", servers, sessions, carried };
  }

  #asked(): void {
    this.#wasAsked = true;
    this.#look();
  }

  /** Is there anybody left? */
  #look(): void {
    if (!this.#isEnding && this.#wasAsked && this.#shares.size === 0 && this.#peers === 0) this.end(0);
  }
}
