import type { Socket } from "node:net";
import { Peer } from "../control/masters_end.ts";
import type { Reply, Request, Status, Wanted } from "../control/protocol.ts";
import { Failure } from "../failure.ts";
import { Progress } from "../progress.ts";
import { openLog } from "../report/log.ts";
import type { Note } from "../report/note.ts";
import { Logins, SHARE_ATTEMPTS } from "../second_chances.ts";
import type { OpeningOptions } from "../session/opening.ts";
import { stateDirectory } from "../state/directory.ts";
import type { World } from "../world.ts";
import { Listening } from "./listening.ts";
import type { Share } from "./share.ts";

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
      ...{ whose: world, token: String(world.pid), note },
      onCaller: (socket) => master.accept(socket),
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
  /** Those that new calls join, by shareKey(). */
  readonly #open = new Map<string, Share>();
  /** All, those included that are only to end. */
  readonly #shares = new Set<Share>();
  readonly #since = Date.now();
  #peers = 0;
  #isEnding = false;
  /** Whether somebody has asked for something, or had the time to. */
  #wasAsked = false;

  constructor(world: World, note: Note) {
    this.#world = world;
    this.#note = note;
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
    for (const share of this.#shares) share.stop(false);
    this.#asked();
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
    for (const share of this.#shares) share.stop(true);
    void Promise.all([...this.#shares].map(({ left }) => left)).then(() => this.#resolve(status));
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
        const lines = await this.#served(request, peer.gone, (share) =>
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
        const isNew = await this.#served(request, peer.gone, (share) =>
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
      this.#served(request, peer.gone, (share) => share.session(request.decision, options)),
      import("./session.ts"),
    ]);
    clearImmediate(here);
    await carrySession(started, peer);
  }

  /** What comes of a share's work; of another share's where somebody has ended the first one meanwhile. */
  async #served<T>(request: Wanted, broken: AbortSignal, work: (share: Share) => Promise<T>): Promise<T> {
    for (let left = SHARE_ATTEMPTS; ; left--) {
      const share = await this.#share(request);
      // It may have ended in that moment.
      const wasOver = share.isOver;
      try {
        return await work(share);
      } catch (error) {
        if (!(wasOver || share.isStopped) || broken.aborted) throw error;
        if (left === 1) throw stopped(request);
        this.#note(`${request.decision.server}: stopped while a call was waiting: anew`);
      }
    }
  }

  /** The share of a request; made where there is none. What it needs is loaded now, and not before `here` was said. */
  async #share({ decision, ...wanted }: Wanted): Promise<Share> {
    const [{ Share }, { shareKey }] = await Promise.all([import("./share.ts"), import("./share_key.ts")]);
    const key = shareKey(decision);
    const found = this.#open.get(key);
    if (found !== undefined) return found;
    const options = this.#options(undefined, { decision, ...wanted });
    const share = new Share(decision, options, this.#note, () => this.#retire(key, share));
    this.#open.set(key, share);
    this.#shares.add(share);
    void share.left.then(() => {
      this.#shares.delete(share);
      this.#look();
    });
    return share;
  }

  /** No new call joins it. */
  #retire(key: string, share: Share): void {
    if (this.#open.get(key) === share) this.#open.delete(key);
  }

  /** What a caller brings along, as though it opened its session itself. Its deadline runs on from now. */
  #options(peer: Peer | undefined, { env, home, elapsed }: Wanted): OpeningOptions {
    const began = performance.now() - elapsed;
    const world = { ...this.#world, env, home, elapsed: () => performance.now() - began };
    const onRemark = (line: string): void => peer?.reply({ type: "remark", line });
    const broken = peer?.gone ?? new AbortController().signal;
    const logins = new Logins();
    return { world, note: this.#note, progress: new Progress(), broken, purpose: "shared", onRemark, logins };
  }

  #status(): Status {
    const shares = [...this.#shares].map((share) => share.status());
    return {
      pid: this.#world.pid,
      since: this.#since,
      socket: this.#listening?.path ?? "",
      connections: shares.flatMap(({ connections }) => connections),
      forwards: shares.flatMap(({ forwards }) => forwards),
    };
  }

  #stop(server: string | undefined, now: boolean): Reply {
    const shares = [...this.#shares].filter((share) => server === undefined || share.isFor(server));
    const sessions = shares.reduce((sum, share) => sum + share.sessions, 0);
    const forwards = shares.flatMap((share) => share.status().forwards);
    const carried = forwards.reduce((sum, { open, method }) => sum + (method === undefined ? open : 0), 0);
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

function stopped({ decision }: Wanted): Failure {
  return new Failure("gone", decision.server, "stopped by preauth --stop --now while it was being opened");
}
