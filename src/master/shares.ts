import type { Status, Wanted } from "../control/protocol.ts";
import { Failure } from "../failure.ts";
import { Progress } from "../progress.ts";
import type { Note } from "../report/note.ts";
import { Logins, SHARE_ATTEMPTS } from "../second_chances.ts";
import type { OpeningOptions } from "../session/opening.ts";
import type { World } from "../world.ts";
import type { Lead } from "./changed_table.ts";
import type { Share } from "./share.ts";

/** What comes of a request: for whom it is, and what its answers and remarks go to. */
export interface Asker {
  /** Aborted when the caller has gone. */
  readonly gone: AbortSignal;
  /** Told what a server says beside the session, a line at a time. */
  readonly onRemark: (line: string) => void;
}

/** The shares of the master: one for each set of settings that calls may have in common (shareKey()). */
export class Shares {
  readonly #world: World;
  readonly #note: Note;
  readonly #onLeft: () => void;
  /** Those that new calls join, by shareKey(). */
  readonly #open = new Map<string, Share>();
  /** All, those included that are only to end. */
  readonly #all = new Set<Share>();
  /** The share that a call was last led to, by routeOf(). */
  readonly #routes = new Map<string, Lead & { readonly share: Share }>();

  /** `onLeft` is called each time that a share has ended. */
  constructor(world: World, note: Note, onLeft: () => void) {
    this.#world = world;
    this.#note = note;
    this.#onLeft = onLeft;
  }

  get size(): number {
    return this.#all.size;
  }

  /** What comes of a share's work; of another share's where somebody has ended the first one meanwhile. */
  async serve<T>(request: Wanted, gone: AbortSignal, work: (share: Share) => Promise<T>): Promise<T> {
    for (let left = SHARE_ATTEMPTS; ; left--) {
      const share = await this.#join(request);
      // It may have ended in that moment.
      const wasOver = share.isOver;
      try {
        return await work(share);
      } catch (error) {
        if (!(wasOver || share.isStopped) || gone.aborted) throw error;
        if (left === 1) throw stopped(request);
        this.#note(`${request.decision.server}: stopped while a call was waiting: anew`);
      }
    }
  }

  /**
   * What a caller brings along, as though it opened its session itself. Its deadline runs on from now. Without an asker
   * it is for a share's own connections, which wait for nobody.
   */
  options({ env, home, elapsed }: Wanted, asker?: Asker): OpeningOptions {
    const began = performance.now() - elapsed;
    const world = { ...this.#world, env, home, elapsed: () => performance.now() - began };
    const { gone: broken = new AbortController().signal, onRemark = () => {} } = asker ?? {};
    const logins = new Logins();
    return { world, note: this.#note, progress: new Progress(), broken, purpose: "shared", onRemark, logins };
  }

  /** What is held, without the process that holds it. */
  status(): Pick<Status, "connections" | "forwards"> {
    const each = [...this.#all].map((share) => share.status());
    return {
      connections: each.flatMap(({ connections }) => connections),
      forwards: each.flatMap(({ forwards }) => forwards),
    };
  }

  /** Those that `server` has used; all where it is undefined. */
  for(server: string | undefined): readonly Share[] {
    return [...this.#all].filter((share) => server === undefined || share.isFor(server));
  }

  /** Has every share end: at once with `now`, else when it is unused. Resolves when all of them have ended. */
  async stop(now: boolean): Promise<void> {
    for (const share of this.#all) share.stop(now);
    await Promise.all([...this.#all].map(({ left }) => left));
  }

  /** The share of a request; made where there is none. What it needs is loaded now, and not before `here` was said. */
  async #join(request: Wanted): Promise<Share> {
    const [{ Share }, { shareKey, routeOf }] = await Promise.all([
      import("./share.ts"),
      import("./share_key.ts"),
    ]);
    const { decision } = request;
    const key = shareKey(decision);
    const found = this.#open.get(key);
    if (found !== undefined) {
      this.#lead(routeOf(request), { request, share: found });
      return found;
    }
    const share = new Share(decision, this.options(request), this.#note, () => this.#retire(key, share));
    this.#open.set(key, share);
    this.#all.add(share);
    void share.left.then(() => {
      this.#all.delete(share);
      for (const [route, lead] of this.#routes) if (lead.share === share) this.#routes.delete(route);
      this.#onLeft();
    });
    this.#lead(routeOf(request), { request, share });
    return share;
  }

  /** Ends what no call would use any more, since the table has changed: to be called now and then. */
  async look(): Promise<void> {
    if (this.#routes.size === 0) return;
    const [{ leadNow }, { shareKey }] = await Promise.all([
      import("./changed_table.ts"),
      import("./share_key.ts"),
    ]);
    const leads = new Map([...this.#routes].map(([route, lead]) => [lead, route] as const));
    for (const [lead, decision] of await leadNow(leads.keys(), this.#world, this.#note)) {
      const route = leads.get(lead);
      // A call may have come meanwhile, which knows better.
      if (route === undefined || this.#routes.get(route) !== lead) continue;
      if (decision !== undefined && this.#open.get(shareKey(decision)) === lead.share)
        lead.share.heed(decision);
      else {
        this.#routes.delete(route);
        this.#leave(lead.share);
      }
    }
  }

  /** Where the table leads the same call elsewhere than before, and no other one there, that is not kept up for calls. */
  #lead(route: string, lead: Lead & { readonly share: Share }): void {
    const before = this.#routes.get(route)?.share;
    this.#routes.set(route, lead);
    if (before !== undefined && before !== lead.share) this.#leave(before);
  }

  #leave(share: Share): void {
    if ([...this.#routes.values()].some((lead) => lead.share === share)) return;
    this.#note(`${share.server}: the table leads elsewhere now: its connection ends when nobody uses it`);
    share.retire();
  }

  /** No new call joins it. */
  #retire(key: string, share: Share): void {
    if (this.#open.get(key) === share) this.#open.delete(key);
  }
}

function stopped({ decision }: Wanted): Failure {
  return new Failure("gone", decision.server, "stopped by preauth --stop --now while it was being opened");
}
