import type { RemoteCommand } from "../ssh/channel/remote_command.ts";

/** What a mail call relays, wherever its connection is. */
export interface Session {
  readonly remote: RelayedCommand;
  /** Bytes of the server that the client has not seen yet: the greeting first. */
  readonly first: readonly Buffer[];
  /** The last line that the server said beside the mail; empty when there was none. */
  lastRemark(): string;
  /** Waits for what goes on after the session, though not for long when the call is broken off. */
  finish(): Promise<void>;
  /** Gives back what the session used. */
  leave(): Promise<void>;
}

/** The part of a remote command that is relayed. */
export type RelayedCommand = Pick<RemoteCommand, "stdin" | "stdout" | "ended" | "hangUp">;
