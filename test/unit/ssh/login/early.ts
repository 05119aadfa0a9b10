import assert from "node:assert/strict";
import type { Failure } from "../../../../src/failure.ts";
import { connect } from "../../../../src/ssh/connect.ts";
import type { LoginHistory } from "../../../../src/ssh/login/early_login.ts";
import type { KnownLogin } from "../../../../src/state/familiar.ts";
import { startRoundProxy } from "../../../peers/rounds.ts";
import type { Sshd } from "../../../peers/sshd.ts";
import { never, newStory, targetFor, type Values } from "../fixtures.ts";

/** A history in memory, which counts what it is told. */
export class Memory implements LoginHistory {
  known: KnownLogin | undefined;
  readonly told: string[] = [];

  recall(): KnownLogin | undefined {
    return this.known;
  }

  remember(login: KnownLogin): void {
    this.told.push("remember");
    this.known = login;
  }

  forget(): void {
    this.told.push("forget");
    this.known = undefined;
  }

  avoid(): void {
    this.told.push("avoid");
    this.known = undefined;
  }

  /** What it was told since the last time. */
  take(): readonly string[] {
    return this.told.splice(0);
  }
}

export type Server = Pick<Sshd, "host" | "port" | "user" | "identity" | "knownHosts">;

/** What comes of one connection and one command. */
interface Result {
  /** Standard output and the end, or the failure's words. */
  readonly what: string;
  readonly rounds: number;
  readonly connections: number;
}

/** `command`: what is said beforehand to be executed first; empty for nothing. */
export async function run(
  server: Server,
  values: Values,
  history?: Memory,
  line = "echo hello; cat > /dev/null",
  command: string | undefined = line,
): Promise<Result> {
  await using proxy = await startRoundProxy(server);
  const target = targetFor(server, { ...values, port: proxy.port } as Values);
  const { progress } = newStory();
  const options = { signal: never(), progress, note: () => {}, env: process.env, purpose: "mail" as const };
  const result = (what: string) => ({ what, rounds: proxy.rounds, connections: proxy.connections });
  try {
    const connection = await connect(target, {
      ...options,
      ...(history && { early: { history, command: command || undefined } }),
    });
    try {
      const command = await connection.exec(line, { signal: never() });
      let output = "";
      const first = new Promise<number>((resolve) =>
        command.stdout.once("data", () => resolve(proxy.rounds)),
      );
      command.stdout.on("data", (chunk) => {
        output += chunk;
        // It waits for this: the end of a command takes more round trips, which are not counted.
        if (!command.stdin.writableEnded) command.stdin.end();
      });
      command.stderr.resume();
      const ended = await command.ended;
      const rounds = output === "" ? proxy.rounds : await first;
      return { ...result(`${output.trim()} ${JSON.stringify(ended)}`), rounds };
    } finally {
      connection.end();
      await connection.closed;
    }
  } catch (error) {
    const { what, hints } = error as Failure;
    return result([what, ...hints].join("; "));
  }
}

/** What comes of the usual command. */
export const GOOD = 'hello {"kind":"status","status":0}';

/** Logs in plainly, as for the first time, and then early. */
export async function twice(server: Server, values: Values = {}, line?: string) {
  const history = new Memory();
  const plain = await run(server, values, history, line);
  assert.deepEqual(history.take(), ["remember"]);
  const early = await run(server, values, history, line);
  return { history, plain, early };
}
