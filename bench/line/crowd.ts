import { fork, spawn, spawnSync } from "node:child_process";
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
import { openSession } from "../greeting.ts";
import { BUILT } from "../preauth.ts";
import { quantile } from "../statistics.ts";

const MAILBOXES = 10;
const BYTES = 1_000_000_000;

/** NOOPs of many mailboxes while a forward of the same connection carries much, in ms. */
export interface CrowdFigure {
  readonly noops: number;
  readonly noop50: number;
  readonly noop99: number;
  /** Of the forward: MB/s (10^6 bytes). */
  readonly rate: number;
}

/** On loopback: each mailbox in turn says NOOP until a gigabyte has gone through the forward. */
export async function measureCrowd(): Promise<CrowdFigure> {
  await using cleanup = new Cleanup();
  const [{ argv } = { argv: [] }] = BUILT;
  const home = cleanup.use(makeHome());
  const mailbox = cleanup.use(makeMailbox());
  const sshd = cleanup.use(await startSshd({ config: ["MaxSessions 100"] }));
  const port = await refusingPort();
  const table = tableFor(sshd, { share: true, "commands.imap": mailbox.command });
  const forward = {
    name: "bulk",
    listen: port,
    to: `127.0.0.1:${await startSource(cleanup)}`,
    share: undefined,
  };
  home.writeTable(`${table}\n${hostTable(forward).replace("[[host]]", "[[forward]]")}`);
  const [file = "", ...words] = argv;
  cleanup.add(() => spawnSync(file, [...words, "--stop", "--now"], { env: home.env, stdio: "ignore" }));
  const sessions = [];
  for (let count = 0; count < MAILBOXES; count++) {
    const session = await openSession({ argv: [...argv, "mail.test", "joe", "imap"], env: home.env });
    cleanup.add(() => session.close());
    sessions.push(session);
  }
  const began = performance.now();
  const reader = spawn(program("bash"), ["-c", `wc -c </dev/tcp/127.0.0.1/${port}`], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let said = "";
  reader.stdout.on("data", (piece: Buffer) => {
    said += piece.toString();
  });
  let isOver = false;
  const over = once(reader, "close").then(() => {
    isOver = true;
  });
  const noops: number[] = [];
  while (!isOver) for (const session of sessions) noops.push(await session.noop());
  await over;
  if (Number(said) !== BYTES) throw new Error(`the forward has brought ${said.trim()} bytes`);
  const rate = BYTES / 1000 / (performance.now() - began);
  noops.sort((a, b) => a - b);
  return { noops: noops.length, noop50: quantile(noops, 0.5), noop99: quantile(noops, 0.99), rate };
}

async function startSource(cleanup: Cleanup): Promise<number> {
  const child = fork(fileURLToPath(new URL("source.ts", import.meta.url)), [String(BYTES)], {
    cwd: fileURLToPath(new URL("../..", import.meta.url)),
    execArgv: ["--import", "tsx"],
  });
  cleanup.add(async () => {
    child.disconnect();
    await ended(child);
  });
  const [port] = await within(once(child, "message"), "the source");
  return port;
}
