/**
 * Somebody at a terminal who can be asked. Only verbs whose standard input is a terminal have one: a mail client's
 * call never does (a prompt there would freeze the client).
 */
export interface Person {
  /** Shows lines, control characters escaped. */
  tell(lines: readonly string[]): void;
  /**
   * Asks for one line and gives it without its end. Without `echo` what is typed is not shown. Rejects with the signal's
   * reason, and with a Failure "gone" at the end of input.
   */
  ask(question: string, options: { readonly echo: boolean; readonly signal: AbortSignal }): Promise<string>;
}
