import { loadavg } from "node:os";
import { Cleanup } from "../cleanup.ts";
import { surroundings } from "../surroundings.ts";
import { localPorts } from "./contenders.ts";
import { measureLocal } from "./measuring.ts";
import type { LocalReport } from "./report.ts";

/** Measures local ports beside socat's (about 10 min). */
export async function benchLocal(tell: (line: string) => void): Promise<LocalReport> {
  const started = performance.now();
  await using cleanup = new Cleanup();
  const before = minuteLoad();
  const figures = await measureLocal(await localPorts(cleanup), tell);
  const took = (performance.now() - started) / 1000;
  return { surroundings: surroundings(), took, load: [before, minuteLoad()], figures };
}

/** Processes that wanted a processor, on average over a minute. */
function minuteLoad(): number {
  return loadavg()[0] ?? Number.NaN;
}
