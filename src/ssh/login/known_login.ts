/** A login that has worked; nothing of it is secret. */
export interface KnownLogin {
  /** The server's version line, without its end. */
  readonly version: string;
  /** Fingerprints of the keys that were offered, in order; the last one was let in. */
  readonly keys: readonly string[];
  /** The algorithm in its request. */
  readonly algorithm: string;
  /** Whether the proof named the host key, as the server takes it. */
  readonly isBound: boolean;
}

/** What is remembered of one user's logins on one server, across processes. */
export interface LoginHistory {
  recall(): KnownLogin | undefined;
  remember(login: KnownLogin): void;
  /** The key is no longer let in. */
  forget(): void;
  /** This server does not bear it that all is sent at once. */
  avoid(version: string): void;
}
