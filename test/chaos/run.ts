import { searchOptions } from "../peers/search_options.ts";
import { chaos } from "./chaos.ts";

/*
 * npm run chaos -- --minutes N [--seed S]: mail clients at work while their connections, their processes and their files
 * suffer all that may happen to them. It tells what was done, and ends with 1 when anything was lost, doubled, wrong, hung
 * or left over. The same seed has the same sessions and the same faults, though what meets when is up to the machine.
 */

async function main(words: readonly string[]): Promise<number> {
  const { minutes, seed } = searchOptions(words);
  console.log(`seed ${seed}, for ${minutes} min`);
  const began = Date.now();
  const tell = (name: string): void => console.log(`${Math.round((Date.now() - began) / 1000)} s: ${name}`);
  const tally = await chaos({ span: minutes * 60_000, seed, workers: 6, rests: [1000, 5000], tell });
  console.log(tally.report);
  return tally.findings.length === 0 ? 0 : 1;
}

main(process.argv.slice(2))
  .then((status) => process.exit(status))
  .catch((error: unknown) => {
    console.error(error instanceof Error ? error.stack : error);
    process.exit(2);
  });
