import { type ChildProcess, fork, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { makeMailbox } from "../../test/peers/dovecot.ts";
import { hostTable, makeHome, tableFor } from "../../test/peers/home.ts";
import { program } from "../../test/peers/programs.ts";
import { startSshd } from "../../test/peers/sshd.ts";
import { refusingPort } from "../../test/peers/tcp.ts";
import { within } from "../../test/peers/waiting.ts";
import { ended } from "../child.ts";
import { Cleanup } from "../cleanup.ts";
import type { Start } from "../contender.ts";
import { openSession, type Session } from "../greeting.ts";
import { sshShared } from "../openssh.ts";
import { BUILT } from "../preauth.ts";
import { startServers } from "../servers.ts";
import { quantile } from "../statistics.ts";
import type { Way } from "../transfer.ts";

const MAILBOXES = 10;
const BYTES = 1_000_000_000;
const ROUNDS = 3;

/** NOOPs of many mailboxes while a forward of the same connection carries much, in ms. */
export interface CrowdFigure {
  readonly program: string;
  readonly way: Way;
  readonly noops: number;
  readonly noop50: number;
  readonly noop99: number;
  /** Of the forward: MB/s (10^6 bytes). */
  readonly rate: number;
}

/** A connection with a forward from `listen` to `to`, ports of 127.0.0.1: how a mailbox is opened on it. */
type Maker = (listen: number, to: number, cleanup: Cleanup) => Promise<Start>;

const MAKERS: Readonly<Record<string, Maker>> = { "preauth, shared": ours, "ssh, ControlMaster": theirs };

/** On loopback: each mailbox in turn says NOOP until a gigabyte has gone through the forward, three times for each. */
export async function measureCrowd(): Promise<readonly CrowdFigure[]> {
  const found = (["download", "upload"] as const).flatMap((way) =>
    Object.entries(MAKERS).map(([name, make]) => ({ name, make, way, rounds: [] as Round[] })),
  );
  for (let round = 0; round < ROUNDS; round++) {
    for (const { make, way, rounds } of found) rounds.push(await roundOf(make, way));
  }
  return found.map(({ name, way, rounds }) => {
    const noops = rounds.flatMap((round) => round.noops).sort((a, b) => a - b);
    const time = rounds.reduce((sum, round) => sum + round.time, 0);
    return {
      ...{ program: name, way, noops: noops.length },
      ...{ noop50: quantile(noops, 0.5), noop99: quantile(noops, 0.99) },
      rate: (ROUNDS * BYTES) / 1000 / time,
    };
  });
}

/** Milliseconds: of each NOOP, and of the transfer. */
interface Round {
  readonly noops: readonly number[];
  readonly time: number;
}

async function roundOf(make: Maker, way: Way): Promise<Round> {
  await using cleanup = new Cleanup();
  const listen = await refusingPort();
  const { port, bytes } = await startEnd(way, cleanup);
  const start = await make(listen, port, cleanup);
  const sessions: Session[] = [];
  for (let count = 0; count < MAILBOXES; count++) {
    const session = await openSession(start);
    cleanup.add(() => session.close());
    sessions.push(session);
  }
  const line = { download: "cat <&3 >/dev/null", upload: `head -c ${BYTES} /dev/zero >&3` }[way];
  const began = performance.now();
  const words = ["-c", `exec 3<>/dev/tcp/127.0.0.1/${listen}; ${line}`];
  const near = spawn(program("bash"), words, { stdio: ["ignore", "ignore", "inherit"] });
  let isOver = false;
  const over = Promise.all([ended(near), bytes]).finally(() => {
    isOver = true;
  });
  const noops: number[] = [];
  while (!isOver) for (const session of sessions) noops.push(await session.noop());
  const [, carried] = await over;
  const time = performance.now() - began;
  if (carried !== BYTES) throw new Error(`the forward has carried ${carried} bytes`);
  return { noops, time };
}

async function ours(listen: number, to: number, cleanup: Cleanup): Promise<Start> {
  const [{ argv } = { argv: [] }] = BUILT;
  const home = cleanup.use(makeHome());
  const mailbox = cleanup.use(makeMailbox());
  const sshd = cleanup.use(await startSshd({ config: ["MaxSessions 100"] }));
  const table = tableFor(sshd, { share: true, "commands.imap": mailbox.command });
  const forward = { name: "bulk", listen, to: `127.0.0.1:${to}`, share: undefined };
  home.writeTable(`${table}\n${hostTable(forward).replace("[[host]]", "[[forward]]")}`);
  const [file = "", ...words] = argv;
  cleanup.add(() => spawnSync(file, [...words, "--stop", "--now"], { env: home.env, stdio: "ignore" }));
  return { argv: [...argv, "mail.test", "joe", "imap"], env: home.env };
}

async function theirs(listen: number, to: number, cleanup: Cleanup): Promise<Start> {
  const start = (await sshShared(await startServers([0], cleanup), cleanup)).start("system", 0, "imap");
  // The program, its configuration and the destination.
  const [file = "", ...words] = start.argv.slice(0, 4);
  const asked = spawnSync(file, ["-O", "forward", "-L", `${listen}:127.0.0.1:${to}`, ...words], {
    ...{ env: start.env, encoding: "utf8" },
  });
  if (asked.status !== 0) throw new Error(`ssh -O forward: ${asked.stderr.trim()}`);
  return start;
}

/** The far end of a transfer: its port, and the bytes that it has given or taken once that is over. */
async function startEnd(
  way: Way,
  cleanup: Cleanup,
): Promise<{ readonly port: number; readonly bytes: Promise<number> }> {
  const file = fileURLToPath(new URL("end.ts", import.meta.url));
  const child = fork(file, [way, String(BYTES)], {
    cwd: fileURLToPath(new URL("../..", import.meta.url)),
    execArgv: ["--import", "tsx"],
  });
  cleanup.add(async () => {
    child.disconnect();
    await ended(child);
  });
  const port = await within(told(child), "the far end");
  return { port, bytes: told(child) };
}

async function told(child: ChildProcess): Promise<number> {
  const [number] = await once(child, "message");
  return number;
}
