import { existsSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Cell, cellsOf, type Plan } from "./cells.ts";
import { chart } from "./chart.ts";
import { Cleanup } from "./cleanup.ts";
import { type Contenders, gather } from "./contenders.ts";
import { type Goal, goals } from "./goals.ts";
import { benchHour, hourGoals } from "./hour.ts";
import { IDLE_FLOOR, type IdleFigure, measureIdle, measureIdleFloor } from "./idle.ts";
import { lineGoals } from "./line/goals.ts";
import type { LineReport } from "./line/measuring.ts";
import { lineReport } from "./line/report.ts";
import { benchLines } from "./line/run.ts";
import { type LocalReport, localReport } from "./local/report.ts";
import { benchLocal } from "./local/run.ts";
import { measureMemory } from "./memory.ts";
import { measureRoundTrips } from "./network.ts";
import { BUILT } from "./preauth.ts";
import { report } from "./report.ts";
import type { MemoryFigure, Results, Trouble } from "./results.ts";
import { takeRounds } from "./rounds.ts";
import { startServers } from "./servers.ts";
import { surroundings } from "./surroundings.ts";

/** A run as it is done for the figures in the README, or to see that all works. */
interface Scale extends Plan {
  readonly roundTrips: readonly number[];
  /** Milliseconds for all of it, after the set-up and the build. */
  readonly budget: number;
}

/** An imap starts in less time, once the word to start it has arrived; ms. */
const REST = 60;

/** How long idle masters are watched, ms. */
const IDLE_SPAN = 60_000;

const FULL: Scale = {
  roundTrips: [0, 10, 50, 100],
  budget: 500_000,
  refusals: 8,
  shared: 3,
  near: 3,
  transfers: 3,
  // Windows open within a few round trips, and bytes come in bursts of one.
  pace: (roundTrip) => ({ settle: 250 + 5 * roundTrip, span: 500 + 3 * roundTrip }),
};

const QUICK: Scale = {
  roundTrips: [0, 100],
  budget: 55_000,
  refusals: 8,
  shared: 2,
  near: 1,
  transfers: 4,
  pace: (roundTrip) => ({ settle: 100 + 3 * roundTrip, span: 250 + roundTrip }),
};

async function main(options: readonly string[]): Promise<void> {
  const words = options.join(" ");
  if (!["", "--quick", "--line", "--line --all", "--local", "--hour"].includes(words)) {
    throw new Error(`"${words}" is none of: --quick, --line, --line --all, --local, --hour`);
  }
  for (const { argv } of BUILT) {
    const path = argv.at(-1) ?? "";
    if (!existsSync(path)) throw new Error(`${path} is missing: npm run build`);
  }
  if (words.startsWith("--line")) return tellLines(await benchLines(words.endsWith("--all"), say));
  if (words === "--local") return tellLocal(await benchLocal(say));
  if (words === "--hour") {
    const hour = await benchHour(say);
    return tellOutcome(hourGoals(hour), hour.troubles);
  }
  const results = await measure(words === "--quick");
  write("results.json", `${JSON.stringify(results, undefined, 2)}\n`);
  write("results.md", report(results));
  write("results.svg", chart(results));
  tellOutcome(goals(results), results.troubles);
}

function tellLines(results: LineReport): void {
  write("line.json", `${JSON.stringify(results, undefined, 2)}\n`);
  write("line.md", lineReport(results));
  tellOutcome(lineGoals(results), results.troubles);
}

function tellLocal(results: LocalReport): void {
  write("local.json", `${JSON.stringify(results, undefined, 2)}\n`);
  write("local.md", localReport(results));
}

function tellOutcome(all: readonly Goal[], troubles: readonly Trouble[]): void {
  for (const { what, wanted, measured, met, floor } of all) {
    const verdict = met === undefined ? "not measured" : met ? "met" : "NOT MET";
    const least = floor === undefined ? "" : ` (floor ${floor.toFixed(2)})`;
    say(`${what}: ${measured?.toFixed(2) ?? "-"}${least}, ${wanted}: ${verdict}`);
  }
  for (const { program, reason } of troubles) say(`trouble: ${program}: ${reason}`);
}

async function measure(quick: boolean): Promise<Results> {
  const scale = quick ? QUICK : FULL;
  const interrupted = interruption();
  const started = performance.now();
  const roundTrips = await measureRoundTrips(scale.roundTrips);
  await using cleanup = new Cleanup();
  const contenders = await gather(await startServers(scale.roundTrips, cleanup), cleanup);
  const troubles: Trouble[] = [...contenders.missing];
  const cells = cellsOf(contenders, scale.roundTrips, scale);
  say(`${cells.length} figures`);
  const warm = await warmUp(cells, troubles, interrupted);
  const memory = await memoryOf(contenders, troubles, interrupted);
  const idle = quick ? [] : await idleOf(contenders, troubles);
  const taken = await takeRounds(warm, {
    end: started + scale.budget,
    rest: ({ roundTrip }) => REST + roundTrip,
    tell: (round) => say(`round ${round + 1} after ${Math.round((performance.now() - started) / 1000)} s`),
    isOver: () => interrupted.aborted,
  });
  if (interrupted.aborted) throw new Error(`ended by ${interrupted.reason}`);
  return {
    surroundings: surroundings(),
    quick,
    took: (performance.now() - started) / 1000,
    roundTrips,
    figures: taken.figures,
    memory,
    idle,
    troubles: [...troubles, ...taken.troubles],
  };
}

/** A first call of each kind, which does not count: masters start, servers are remembered. Gives those that work. */
async function warmUp(
  cells: readonly Cell[],
  troubles: Trouble[],
  interrupted: AbortSignal,
): Promise<readonly Cell[]> {
  const working: Cell[] = [];
  for (const cell of cells) {
    if (interrupted.aborted) break;
    try {
      // A transfer does nothing for the next one.
      if (cell.measure !== "download" && cell.measure !== "upload") await cell.take();
      working.push(cell);
    } catch (error) {
      troubles.push({
        program: cell.program,
        reason: `${cell.measure}, ${cell.roundTrip} ms: ${text(error)}`,
      });
    }
  }
  return working;
}

async function memoryOf(
  { cold, shared }: Contenders,
  troubles: Trouble[],
  interrupted: AbortSignal,
): Promise<readonly MemoryFigure[]> {
  const figures: MemoryFigure[] = [];
  for (const contender of [...cold, ...shared]) {
    if (interrupted.aborted) break;
    try {
      figures.push(await measureMemory(contender));
    } catch (error) {
      troubles.push({ program: contender.name, reason: `memory: ${text(error)}` });
    }
  }
  return figures;
}

/** All of them in the same minute: they have next to nothing to do. */
async function idleOf({ shared }: Contenders, troubles: Trouble[]): Promise<readonly IdleFigure[]> {
  const watched = ["preauth, shared", "ssh, ControlMaster"];
  const attempt = (program: string, measuring: Promise<IdleFigure>) =>
    measuring.catch((error) => {
      troubles.push({ program, reason: `idle: ${text(error)}` });
      return undefined;
    });
  const figures = await Promise.all([
    ...shared
      .filter(({ name }) => watched.includes(name))
      .map((contender) => attempt(contender.name, measureIdle(contender, IDLE_SPAN))),
    attempt(IDLE_FLOOR, measureIdleFloor(IDLE_SPAN)),
  ]);
  return figures.filter((found) => found !== undefined);
}

/** Aborted by Ctrl-C and the like; what is under way is finished, and then everything is cleaned up. */
function interruption(): AbortSignal {
  const controller = new AbortController();
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.once(name, () => controller.abort(name));
  }
  return controller.signal;
}

function write(name: string, content: string): void {
  writeFileSync(fileURLToPath(new URL(name, import.meta.url)), content);
  say(`bench/${name}`);
}

function say(line: string): void {
  process.stdout.write(`bench: ${line}\n`);
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`bench: ${text(error)}\n`);
  process.exitCode = 1;
}
