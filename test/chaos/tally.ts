/** What must not happen. */
export type Finding = "lost" | "doubled" | "wrong" | "hung" | "left over";

/** What a run has done and found. */
export class Tally {
  readonly #counts = new Map<string, number>();
  readonly #findings: { readonly kind: Finding; readonly text: string }[] = [];

  add(what: string, count = 1): void {
    this.#counts.set(what, this.count(what) + count);
  }

  count(what: string): number {
    return this.#counts.get(what) ?? 0;
  }

  find(kind: Finding, text: string): void {
    this.#findings.push({ kind, text });
  }

  get findings(): readonly string[] {
    return this.#findings.map(({ kind, text }) => `${kind}: ${text}`);
  }

  /** One count a line, in the order in which they were first counted, and then what was found. */
  get report(): string {
    const found = (["lost", "doubled", "wrong", "hung", "left over"] as const).map(
      (kind): [string, number] => [kind, this.#findings.filter((finding) => finding.kind === kind).length],
    );
    const lines = [...this.#counts, ...found].map(
      ([what, count]) => `${String(count).padStart(12)}  ${what}`,
    );
    return [...lines, ...this.findings].join("\n");
  }
}

/** Something that is done to the program or its surroundings, and when. */
interface Trouble {
  readonly name: string;
  /** Both in ms of performance.now(). */
  readonly from: number;
  until: number;
}

/** What has been done when: whatever happens to a session has to have a reason. */
export class Troubles {
  readonly #all: Trouble[] = [];

  /** It goes on until the function that is returned is called, and so many milliseconds more. */
  begin(name: string): (graceMs: number) => void {
    const trouble: Trouble = { name, from: performance.now(), until: Number.POSITIVE_INFINITY };
    this.#all.push(trouble);
    return (graceMs) => {
      trouble.until = performance.now() + graceMs;
    };
  }

  /** Names of all that there was between two moments. */
  between(from: number, until: number): readonly string[] {
    return this.#all
      .filter((trouble) => trouble.from <= until && trouble.until >= from)
      .map(({ name }) => name);
  }
}
