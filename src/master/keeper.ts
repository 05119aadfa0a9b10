import type { Server, Socket } from "node:net";
import { claimBeside } from "../control/generations.ts";
import { Peer } from "../control/masters_end.ts";
import type { Reply, Request, Status } from "../control/protocol.ts";
import { controlPlace, type SocketPlace } from "../control/socket_place.ts";
import { Failure } from "../failure.ts";
import { openLog } from "../report/log.ts";
import type { Note } from "../report/note.ts";
import { type Kept, keepForwards } from "../session/keep_forwards.ts";
import { stateDirectory } from "../state/directory.ts";
import type { Decision } from "../table/decision.ts";
import type { Persist } from "../table/table.ts";
import type { World } from "../world.ts";
import { carriedOn, statusOf } from "./forwards.ts";
import { Listening } from "./listening.ts";

/**
 * Keeps forwards without a master, for who shares no connection, and lets itself be found by --status and --stop. `onUp`
 * is called as keepForwards() does, which see.
 */
export async function runKeeper(
  world: World,
  decision: Decision,
  time: Persist,
  onUp: (lines: readonly string[]) => void,
): Promise<void> {
  const keeper = new Keeper(world, decision, time);
  try {
    await keepForwards(world, decision, {
      ...{ time, stopped: keeper.stopped },
      onUp: async (lines, kept) => onUp([...lines, ...(await keeper.listen(kept))]),
    });
  } finally {
    keeper.end();
  }
}

class Keeper {
  /** Resolves when somebody has ended it. */
  readonly stopped: Promise<void>;
  #stop: () => void = () => {};
  readonly #world: World;
  readonly #decision: Decision;
  readonly #time: Persist;
  readonly #note: Note;
  readonly #since = Date.now();
  #kept: Kept | undefined;
  #listening: Listening | undefined;

  constructor(world: World, decision: Decision, time: Persist) {
    this.#world = world;
    this.#decision = decision;
    this.#time = time;
    this.#note = openLog(stateDirectory(world.env, world.home), world);
    this.stopped = new Promise((resolve) => {
      this.#stop = resolve;
    });
  }

  /** Lets itself be found; gives what there is to say where it cannot be. */
  async listen(kept: Kept): Promise<readonly string[]> {
    this.#kept = kept;
    const { pid } = this.#world;
    try {
      this.#listening = await Listening.begin({
        ...{ who: "forwards", note: this.#note, onLost: () => {} },
        place: () => controlPlace(this.#world, "forwards"),
        claim: (place: SocketPlace, server: Server) => claimBeside(place, server, pid),
        onCaller: (socket) => this.#accept(socket),
      });
    } catch (error) {
      this.#note(`forwards: cannot listen: ${error instanceof Error ? error.message : String(error)}`);
    }
    if (this.#listening !== undefined) return [];
    return [`${this.#decision.server}: --stop cannot find what keeps them up: to end it, kill ${pid}`];
  }

  /** Nobody finds it any more. */
  end(): void {
    this.#listening?.end();
    this.#listening?.close();
  }

  #accept(socket: Socket): void {
    const peer = new Peer(socket, (request) => {
      try {
        peer.reply(this.#answer(request));
        peer.close();
      } catch (error) {
        peer.fail(error);
      }
    });
  }

  #answer(request: Request): Reply {
    switch (request.type) {
      case "status":
        return { type: "status", status: this.#status() };
      case "stop":
        return this.#end(request.server, request.now);
      default:
        throw new Failure("usage", "master", "unknown request");
    }
  }

  #status(): Status {
    const { pid } = this.#world;
    const { server } = this.#decision;
    const until = this.#until();
    const connection = this.#kept?.line.status(until);
    return {
      ...{ pid, since: this.#since, socket: this.#listening?.path ?? "" },
      connections: connection === undefined ? [] : [connection],
      forwards: this.#kept === undefined ? [] : statusOf(this.#kept.held, server, this.#world),
    };
  }

  #until(): number | "forever" | undefined {
    if (this.#time === "forever") return this.#time;
    return this.#kept?.held.connections === 0 ? this.#since + this.#time : undefined;
  }

  #end(server: string | undefined, now: boolean): Reply {
    const own = this.#decision.server;
    const { held } = this.#kept ?? {};
    if (held === undefined || (server !== undefined && server.toLowerCase() !== own.toLowerCase())) {
      return { type: "stopped", servers: [], sessions: 0, carried: 0 };
    }
    const carried = carriedOn(statusOf(held, own, this.#world));
    if (now) this.#stop();
    else void held.idle().then(this.#stop);
    return { type: "stopped", servers: [own], sessions: held.connections - carried, carried };
  }
}
