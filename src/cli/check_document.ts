import type { World } from "../world.ts";
import { beginCheck, checkNotes, connectAndSelect } from "./check.ts";
import { type Document, documented, type Json } from "./document.ts";
import { settledTarget } from "./explain.ts";
import { KeptFindings } from "./findings.ts";
import { plainNotes } from "./notes.ts";
import { alpinesTimeout, obstaclesJson, pinercFindings } from "./pinerc_report.ts";
import type { ServerWords } from "./server_words.ts";
import { Timeline } from "./timeline.ts";
import { isOfAlpine } from "./user.ts";

/** `--check --json`: the same as one JSON document. Nobody is asked. Exit status and Failure as without --json. */
export function checkDocument(world: World, words: ServerWords): Promise<number> {
  return documented(world, "check", async (document) => {
    const timeline = new Timeline(world, { isQuiet: true });
    document.add({ server: words.server, user: words.user ?? null, method: words.method });
    try {
      return await checked(world, words, timeline, document);
    } finally {
      document.add(stepsOf(world, timeline));
    }
  });
}

async function checked(
  world: World,
  words: ServerWords,
  timeline: Timeline,
  document: Document,
): Promise<number> {
  const { call, file, remarks } = await beginCheck(world, words, timeline);
  const { decision } = call;
  document.hide(decision, await settledTarget(world, decision).catch(() => undefined));
  document.add({ user: decision.user?.value ?? null, table: file.path });
  const findings = new KeptFindings();
  try {
    return await connectAndSelect(world, decision, timeline, {
      ...{ person: undefined, interactive: false, findings },
    });
  } finally {
    const notes = [...remarks, ...findings.notes, ...plainNotes(await checkNotes(world, file.table, call))];
    document.add({
      ...findings.parts(),
      notes,
      pinerc: obstaclesJson(isOfAlpine(call) ? await pinercFindings(world, file.table, call) : undefined),
    });
  }
}

/** The steps with their times in milliseconds. Of the remote command only that it was started: the table has it. */
function stepsOf(world: World, timeline: Timeline): Readonly<Record<string, Json>> {
  const rounded = (ms: number | undefined): number | null =>
    ms === undefined ? null : Number(ms.toFixed(1));
  const steps = timeline.spans.map(({ step, from, to, outcome }) => ({
    step,
    ms: rounded(to - from),
    isDone: outcome !== undefined,
    outcome: step === "command" ? null : (outcome ?? null),
  }));
  return {
    steps,
    greetedMs: rounded(timeline.greeted),
    roundTripMs: rounded(timeline.roundTrip),
    alpineWaitsMs: alpinesTimeout(world) * 1000,
  };
}
