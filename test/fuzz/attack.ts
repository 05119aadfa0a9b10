import fc from "fast-check";

/** What a search is to do. */
export interface Effort {
  readonly seed: number;
  /** Cases; as many as there is time for where it is left out. */
  readonly cases?: number;
  /** Milliseconds. */
  readonly limit: number;
}

/** What came of it. */
export interface Outcome {
  readonly tried: number;
  /** The seed, the shortest sequence that was found, and what it did; undefined for nothing. */
  readonly finding: string | undefined;
}

/** One way to attack the program: sequences that are made up, and what has to hold for each. */
export interface Attack {
  readonly name: string;
  /** Cases that are tried by npm test. */
  readonly cases: number;
  search(effort: Effort): Promise<Outcome>;
}

/** `hold` throws when something is wrong; what it throws goes into the finding. */
export function attack<T>(
  name: string,
  cases: number,
  sequences: fc.Arbitrary<T>,
  hold: (sequence: T) => Promise<void>,
): Attack {
  return {
    name,
    cases,
    search: async ({ seed, cases: numRuns = Number.MAX_SAFE_INTEGER, limit }) => {
      const details = await fc.check(fc.asyncProperty(sequences, hold), {
        ...{ seed, numRuns, interruptAfterTimeLimit: limit, markInterruptAsFailure: false },
      });
      const { counterexample, counterexamplePath, errorInstance } = details;
      // A search whose time is over before its first case fails for fast-check, without an example.
      const cutOff = details.interrupted && counterexample === null;
      if (!details.failed || cutOff) return { tried: details.numRuns, finding: undefined };
      const what = errorInstance instanceof Error ? errorInstance.stack : String(errorInstance);
      const finding = [
        `${name}: found with --seed ${seed} (${counterexamplePath})`,
        `the shortest sequence: ${fc.stringify(counterexample)}`,
        `${what}`,
      ];
      return { tried: details.numRuns, finding: finding.join("\n") };
    },
  };
}

/** Runs `work` with all that nobody catches counted against it. */
export async function strict<T>(work: () => Promise<T>): Promise<T> {
  const strays: unknown[] = [];
  const listener = (error: unknown): void => void strays.push(error);
  process.on("uncaughtException", listener);
  process.on("unhandledRejection", listener);
  try {
    const result = await work();
    // What is thrown in a later turn still counts.
    await new Promise((resolve) => setImmediate(resolve));
    if (strays.length > 0) throw strays[0];
    return result;
  } finally {
    process.off("uncaughtException", listener);
    process.off("unhandledRejection", listener);
  }
}

/** Milliseconds between two looks at the time. */
const TURN = 50;

/**
 * Rejects when a promise takes longer than `limit` milliseconds, of which only those count in which this process had
 * its turns: the load of the machine is no finding.
 */
export async function inTime<T>(promise: Promise<T>, what: string, limit: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    let left = limit;
    timer = setInterval(() => {
      left -= TURN;
      if (left <= 0) reject(new Error(`${what} has not come in ${limit} ms`));
    }, TURN);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearInterval(timer);
  }
}
