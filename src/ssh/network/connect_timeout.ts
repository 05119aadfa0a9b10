import { Follower } from "../../abort.ts";
import { Failure } from "../../failure.ts";
import type { Progress, Step } from "../../progress.ts";
import type { Target } from "../../target/target.ts";

/** Steps that ConnectTimeout of ssh_config(5) is about: the connection, up to the exchange of keys. */
const LIMITED: ReadonlySet<Step> = new Set(["name", "connect", "kex", "hostkey"]);

/** ConnectTimeout beside the deadline: a signal that is aborted by whichever comes first. Call end() at the end. */
export class ConnectTimeout {
  readonly #ends: Follower;
  readonly #timer: NodeJS.Timeout | undefined;

  constructor(
    { server, tcp }: Target,
    { signal, progress }: { readonly signal: AbortSignal; readonly progress: Progress },
  ) {
    this.#ends = new Follower(signal);
    const { timeout } = tcp.value;
    if (timeout === undefined) return;
    const expire = (): void => {
      if (!LIMITED.has(progress.step)) return;
      const what = `timed out ${progress.doing} after the ${timeout / 1000} s of ConnectTimeout`;
      this.#ends.abort(new Failure("deadline", server, what));
    };
    this.#timer = setTimeout(expire, timeout);
  }

  get signal(): AbortSignal {
    return this.#ends.signal;
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#ends.release();
  }
}
