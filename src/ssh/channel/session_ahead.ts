import type { Client, ClientChannel } from "ssh2";
import type { Line } from "../ssh2/channel_input.ts";
import { type ExecReply, startedCommand } from "./remote_command.ts";

/** A session that the server has been asked for before there is a command for it: the command then takes one round trip. */
export class SessionAhead {
  readonly #line: Line;
  readonly #opened: Promise<Error | undefined>;
  #channel: ClientChannel | undefined;
  /** Called with the channel as soon as it is there. */
  #take: ((channel: ClientChannel) => void) | undefined;
  #isGone = false;

  /** `onGone` is called when the server opens none, or closes it while it waits. */
  constructor(client: Client, line: Line, onGone: () => void) {
    this.#line = line;
    const gone = (): void => {
      this.#isGone = true;
      if (this.#take === undefined) onGone();
    };
    this.#opened = new Promise((resolve) => {
      client.session((error, channel) => {
        resolve(error);
        if (error !== undefined) return gone();
        this.#channel = channel;
        channel.once("gone", gone);
        this.#take?.(channel);
      });
    });
  }

  /** Starts the command, once; undefined where there is no session for it. */
  start(line: string): Promise<ExecReply> | undefined {
    if (this.#isGone) return undefined;
    return new Promise((resolve) => {
      this.#take = (channel) => resolve(startedCommand(channel, this.#line, line));
      if (this.#channel !== undefined) this.#take(this.#channel);
      else void this.#opened.then((error) => error && resolve({ error }));
    });
  }
}
