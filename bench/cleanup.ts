/** What is to be ended at the end of a run, last come, first gone. (Node 20 has no AsyncDisposableStack.) */
export class Cleanup implements AsyncDisposable {
  readonly #actions: (() => unknown)[] = [];

  /** Keeps something that ends itself, and gives it back. */
  use<T extends Disposable | AsyncDisposable>(thing: T): T {
    this.add(() => (Symbol.asyncDispose in thing ? thing[Symbol.asyncDispose]() : thing[Symbol.dispose]()));
    return thing;
  }

  /** Keeps what is to be done. */
  add(action: () => unknown): void {
    this.#actions.push(action);
  }

  /** Does all of it, also when something fails, and throws the first failure then. */
  async [Symbol.asyncDispose](): Promise<void> {
    const failures: unknown[] = [];
    for (const action of this.#actions.splice(0).reverse()) {
      try {
        await action();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}
