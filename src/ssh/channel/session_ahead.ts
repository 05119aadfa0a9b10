import type { Client } from "ssh2";
import type { Line } from "../ssh2/channel_input.ts";
import { openAhead } from "../ssh2/taps.ts";
import { ChannelCommand, type ExecReply } from "./remote_command.ts";

/** A session that the server has been asked for before there is a command for it: the command then takes one round trip. */
export class SessionAhead {
  readonly #start: ((line: string) => void) | undefined;
  #resolve: ((answer: ExecReply) => void) | undefined;
  #isGone = false;

  /** `onGone` is called when the server opens none, or closes it while it waits. */
  constructor(client: Client, line: Line, onGone: () => void) {
    this.#start = openAhead(client, (error, channel) => {
      if (this.#resolve === undefined) {
        this.#isGone = true;
        onGone();
        return;
      }
      // At once: what the channel says next would be missed in a later turn.
      this.#resolve(error === undefined ? { command: new ChannelCommand(channel, line) } : { error });
    });
  }

  /** Starts the command, once; undefined where there is no session for it. */
  start(line: string): Promise<ExecReply> | undefined {
    const start = this.#start;
    if (start === undefined || this.#isGone) return undefined;
    return new Promise((resolve) => {
      this.#resolve = resolve;
      start(line);
    });
  }
}
