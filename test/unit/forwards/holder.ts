import { createInterface } from "node:readline";
import { type Held, holdForwards } from "../../../src/forwards/hold.ts";
import { noSessions } from "./fixtures.ts";
import { carryByTcp } from "./tcp_carrier.ts";

/*
 * A process that holds forwards, for tests of several processes, users and runtimes. It reads commands, "NUMBER hold
 * PLAN" (in JSON), "NUMBER stop", "NUMBER idle"; and answers each with "= NUMBER OUTCOME". It ends with its input.
 */
const say = (line: string): void => void process.stdout.write(`${line}\n`);

const options = {
  carry: carryByTcp,
  open: noSessions,
  lookUp: async () => [],
  uid: process.getuid?.() ?? -1,
  names: ["mail.isp.com"] as const,
  note: say,
  signal: new AbortController().signal,
};

let held: Held | undefined;

async function obey(word: string, plan: string): Promise<string> {
  switch (word) {
    case "hold":
      held = await holdForwards(JSON.parse(plan), options);
      return JSON.stringify(held.standings.map(({ state }) => state));
    case "stop":
      held?.stopListening();
      return "stopped";
    case "idle":
      await held?.idle();
      return "idle";
    default:
      throw new Error(`"${word}" is no command`);
  }
}

async function main(): Promise<void> {
  say("ready");
  for await (const line of createInterface(process.stdin)) {
    const [, number = "", word = "", plan = ""] = /^(\d+) (\w+) ?(.*)$/.exec(line) ?? [];
    say(`= ${number} ${await obey(word, plan)}`);
  }
  held?.close();
}

void main();
