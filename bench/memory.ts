import { readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import type { Contender } from "./contender.ts";
import { openSession } from "./greeting.ts";
import type { Memory, MemoryFigure } from "./results.ts";
import { summarize } from "./statistics.ts";

const TIMES = 3;

/** After the greeting a program has still to give back what it does not need, ms. */
const SETTLE = 300;

/** Memory of a program and of its master while one mailbox is open. */
export async function measureMemory(contender: Contender): Promise<MemoryFigure> {
  const clients: Memory[] = [];
  const masters: Memory[] = [];
  for (let count = 0; count < TIMES; count++) {
    const session = await openSession(contender.start("system", 0, "imap"));
    try {
      await pause(SETTLE);
      clients.push(memoryOf(session.pid));
      const master = contender.master?.();
      if (master !== undefined) masters.push(memoryOf(master));
    } finally {
      await session.close();
    }
  }
  return {
    program: contender.name,
    client: median(clients),
    ...(masters.length === 0 ? {} : { master: median(masters) }),
  };
}

/** What proc(5) says in smaps_rollup. */
export function memoryOf(pid: number): Memory {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, "latin1");
  const mebibytes = (name: string) => {
    const [, kib] = new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(text) ?? [];
    return Number(kib) / 1024;
  };
  return {
    resident: mebibytes("Rss"),
    proportional: mebibytes("Pss"),
    own: mebibytes("Private_Clean") + mebibytes("Private_Dirty"),
  };
}

function median(samples: readonly Memory[]): Memory {
  const of = (key: keyof Memory) => summarize(samples.map((sample) => sample[key]))?.median ?? Number.NaN;
  return { resident: of("resident"), proportional: of("proportional"), own: of("own") };
}
