/** How long a search goes on, and what it begins with. */
export interface SearchOptions {
  /** Default 1. */
  readonly minutes: number;
  /** A number of 31 bits; default any. */
  readonly seed: number;
}

/** Reads `--minutes N` and `--seed S`. Throws an Error for what is no number, or below 0. */
export function searchOptions(words: readonly string[]): SearchOptions {
  const option = (name: string): number | undefined => {
    const at = words.indexOf(name);
    if (at < 0) return undefined;
    const value = Number(words[at + 1]);
    if (!Number.isFinite(value) || value < 0) throw new Error(`${name} wants a number`);
    return value;
  };
  return {
    minutes: option("--minutes") ?? 1,
    seed: option("--seed") ?? Math.floor(Math.random() * 0x7fffffff),
  };
}
