import { mock } from "node:test";

/** Timers and clocks that go as the test says; the wall clock can jump, as it does when a machine has slept. */
export class Clocks implements Disposable {
  #wall = 1_700_000_000_000;
  #monotonic = 0;

  constructor() {
    mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
    // Not those of mock.timers: with them a jump of the clock sets off timers.
    mock.method(Date, "now", () => this.#wall);
    mock.method(performance, "now", () => this.#monotonic);
  }

  /** Milliseconds since the beginning, jumps not counted. */
  get passed(): number {
    return this.#monotonic;
  }

  /** Time goes by, half a second at a time; `each` is called before timers are. */
  pass(ms: number, each: () => void = () => {}): void {
    for (let left = ms; left > 0; left -= 500) {
      const step = Math.min(left, 500);
      this.#wall += step;
      this.#monotonic += step;
      each();
      mock.timers.tick(step);
    }
  }

  /** The wall clock is set, and no timer knows. */
  jump(ms: number): void {
    this.#wall += ms;
  }

  [Symbol.dispose](): void {
    mock.timers.reset();
    mock.restoreAll();
  }
}
