/*
 * The process that measures lines: it has a network namespace to itself. Its argument is a LinePlan in JSON; it tells its
 * parent each line of progress, and at last what it has found.
 */
import { setTimeout as pause } from "node:timers/promises";
import { makeMailbox } from "../../test/peers/dovecot.ts";
import { makeHome } from "../../test/peers/home.ts";
import { hostKeyName } from "../../test/peers/keys.ts";
import { program } from "../../test/peers/programs.ts";
import { startSshd } from "../../test/peers/sshd.ts";
import { Cleanup } from "../cleanup.ts";
import type { Contender } from "../contender.ts";
import { sshDirect, sshShared } from "../openssh.ts";
import { BUILT, waysOf } from "../preauth.ts";
import type { Trouble } from "../results.ts";
import type { Servers } from "../servers.ts";
import { figureOf, type LineFigure } from "./figures.ts";
import type { LinePlan, LineResults } from "./measuring.ts";
import { type Line, openLine } from "./namespace.ts";
import { type LineSample, takeSample } from "./sample.ts";
import { nameOf, type Shape } from "./shapes.ts";

/** What is left in the queues of a sample has gone after so many milliseconds of a line that is fast. */
const FLUSH = { shape: { rate: 1000, roundTrip: 0, queue: "deep" }, ms: 500 } as const;

/** One program beside one kind of transfer, and what has been found of it. */
interface Cell extends Pick<LineFigure, "shape" | "way" | "program"> {
  readonly samples: LineSample[];
}

/** The programs, each made anew for each sample: masters get to know their line. */
const MAKERS: Readonly<Record<string, (servers: Servers, cleanup: Cleanup) => Promise<Contender>>> = {
  "preauth, shared": async (servers, cleanup) => ours(servers, cleanup).shared,
  preauth: async (servers, cleanup) => ours(servers, cleanup).direct,
  "ssh, ControlMaster": sshShared,
  ssh: async (servers, cleanup) => sshDirect("ssh", program("ssh"), servers, cleanup),
};

function ours(servers: Servers, cleanup: Cleanup) {
  const [built] = BUILT;
  if (built === undefined) throw new Error("nothing is built");
  return waysOf(built, servers, cleanup);
}

async function measure({ shapes, programs, rounds }: LinePlan): Promise<LineResults> {
  await using cleanup = new Cleanup();
  const line = await openLine(cleanup);
  const mailbox = cleanup.use(makeMailbox());
  const sshd = cleanup.use(
    await startSshd({
      ...{ config: ["MaxSessions 100", "MaxStartups 100"], listen: [line.host] },
      under: line.under,
    }),
  );
  const hostKey = sshd.hostKeys[0]?.line ?? "";
  const knownHosts = cleanup
    .use(makeHome())
    .write("known_hosts", `${hostKeyName(line.host, sshd.port)} ${hostKey}\n`);
  const servers: Servers = {
    all: [
      {
        ...{
          name: "system",
          host: line.host,
          user: sshd.user,
          identity: sshd.identity,
          port: () => sshd.port,
        },
        ...{ hostKey, knownHosts },
      },
    ],
    commands: { imap: mailbox.command, download: "exec cat /dev/zero", upload: "exec cat >/dev/null" },
    roundTrips: [0],
  };
  const cells = cellsOf(shapes, programs);
  const troubles: Trouble[] = [];
  for (let round = 0; round < rounds; round++) {
    for (const cell of cells) {
      const { shape, way, program: name } = cell;
      try {
        const sample = await sampleOf(cell, { line, servers, server: sshd.pid });
        cell.samples.push(sample);
        tell(`${nameOf(shape)}, ${way}, ${name}: ${Math.round(sample.greeting)} ms to the next greeting`);
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        troubles.push({ program: name, reason: `${nameOf(shape)}, ${way}: ${reason}` });
        tell(`${nameOf(shape)}, ${way}, ${name}: ${reason}`);
      }
    }
  }
  return { figures: cells.flatMap((cell) => figureOf(cell, cell.samples) ?? []), troubles };
}

function cellsOf(shapes: readonly Shape[], programs: readonly string[]): readonly Cell[] {
  return shapes.flatMap((shape) =>
    (["download", "upload"] as const).flatMap((way) =>
      programs.map((program): Cell => ({ shape, way, program, samples: [] })),
    ),
  );
}

interface Place {
  readonly line: Line;
  readonly servers: Servers;
  readonly server: number;
}

async function sampleOf(
  { shape, way, program }: Cell,
  { line, servers, server }: Place,
): Promise<LineSample> {
  await line.become(FLUSH.shape);
  await pause(FLUSH.ms);
  await line.become(shape);
  await using cleanup = new Cleanup();
  const contender = await MAKERS[program]?.(servers, cleanup);
  if (contender === undefined) throw new Error("there is no such program");
  return await takeSample(contender, { shape, way, server });
}

function tell(line: string): void {
  process.send?.({ progress: line });
}

// Ctrl-C is the parent's to answer.
process.on("SIGINT", () => {});
const results = await measure(JSON.parse(process.argv[2] ?? "{}"));
process.send?.({ results });
process.disconnect();
