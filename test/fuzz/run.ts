import { searchOptions } from "../peers/search_options.ts";
import { ATTACKS } from "./attacks.ts";
import { stopServing } from "./packets.ts";

/*
 * npm run fuzz -- --minutes N [--seed S]: attacks the program with made-up sequences, one attack after the other and
 * round after round, each round with a seed of its own. A finding ends it with 1: it prints the seed and the shortest
 * sequence. With --seed the first round is that one.
 */

/** Milliseconds of an attack in a round. */
const TURN = 10_000;

async function main(words: readonly string[]): Promise<number> {
  const { minutes, seed: first } = searchOptions(words);
  const end = Date.now() + minutes * 60_000;
  const tried = new Map(ATTACKS.map(({ name }) => [name, 0]));
  console.log(`seed ${first}, for ${minutes} min`);
  let finding: string | undefined;
  for (let seed = first; Date.now() < end && finding === undefined; seed++) {
    for (const one of ATTACKS) {
      const limit = Math.min(TURN, Math.max(1, end - Date.now()));
      const outcome = await one.search({ seed, limit });
      tried.set(one.name, (tried.get(one.name) ?? 0) + outcome.tried);
      finding ??= outcome.finding;
    }
  }
  for (const [name, count] of tried) console.log(`${String(count).padStart(9)}  ${name}`);
  console.log(finding ?? "nothing was found");
  return finding === undefined ? 0 : 1;
}

main(process.argv.slice(2))
  .then(async (status) => {
    await stopServing();
    process.exit(status);
  })
  .catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exit(2);
  });
