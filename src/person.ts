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
  /** Does something with what was typed, in time that is no more the server's than that of typing. */
  wait?<T>(work: () => Promise<T>): Promise<T>;
}

/** Told when a question is put, and when it has been answered or given up. */
export interface QuestionWatcher {
  onAsked(): void;
  onAnswered(): void;
}

/** The same person, with somebody told of each question: people take time that is not the server's. */
export function watched(person: Person, { onAsked, onAnswered }: QuestionWatcher): Person {
  const aside = async <T>(work: () => Promise<T>): Promise<T> => {
    onAsked();
    try {
      return await work();
    } finally {
      onAnswered();
    }
  };
  return {
    tell: (lines) => person.tell(lines),
    ask: (question, options) => aside(() => person.ask(question, options)),
    wait: (work) => aside(() => (person.wait === undefined ? work() : person.wait(work))),
  };
}
