import { Cleanup } from "../cleanup.ts";
import { surroundings } from "../surroundings.ts";
import { localPorts } from "./contenders.ts";
import { measureLocal } from "./measuring.ts";
import type { LocalReport } from "./report.ts";

/** Measures local ports beside socat's (about 10 min). */
export async function benchLocal(tell: (line: string) => void): Promise<LocalReport> {
  const started = performance.now();
  await using cleanup = new Cleanup();
  const figures = await measureLocal(await localPorts(cleanup), tell);
  return { surroundings: surroundings(), took: (performance.now() - started) / 1000, figures };
}
