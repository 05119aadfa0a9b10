/** How a private key in PEM is encrypted. */
export interface Scheme {
  /** Of what is encrypted. */
  readonly type: "pkcs8" | "pkcs1" | "sec1";
  /**
   * Gives what was encrypted, or noise; undefined where it is known to be another passphrase. What takes time is done
   * beside the event loop. Throws an UnusableKey, and the signal's reason.
   */
  readonly decrypt: (passphrase: string, signal: AbortSignal) => Promise<Buffer | undefined>;
}
