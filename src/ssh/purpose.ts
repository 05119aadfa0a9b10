/** What a connection is for. */
export type Purpose =
  /** A session of its own. */
  | "mail"
  /** The same, to see how it goes. */
  | "check"
  /** A look at an account that is being set up, with a person who logs in. */
  | "first"
  /** The sessions to come of several clients, with a person who logs in. */
  | "login"
  /** Forwards, without a session. */
  | "forwards"
  /** The sessions of several clients. */
  | "shared";

/** What follows from it. */
export interface Manner {
  /** Whether a remembered failure ends it at once; where it does not, a success clears it. */
  readonly heedsMemory: boolean;
  /** Whether a person is asked for passwords, passphrases and the like, and not just about an unknown host key. */
  readonly isInteractive: boolean;
  /** Whether several clients depend on it, so that none may end it. */
  readonly isShared: boolean;
}

export const MANNERS: Readonly<Record<Purpose, Manner>> = {
  mail: { heedsMemory: true, isInteractive: false, isShared: false },
  check: { heedsMemory: false, isInteractive: false, isShared: false },
  first: { heedsMemory: false, isInteractive: true, isShared: false },
  login: { heedsMemory: false, isInteractive: true, isShared: true },
  forwards: { heedsMemory: true, isInteractive: false, isShared: false },
  shared: { heedsMemory: true, isInteractive: false, isShared: true },
};
