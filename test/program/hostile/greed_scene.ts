import assert from "node:assert/strict";
import type { Writable } from "node:stream";
import type { Form } from "../../peers/binaries.ts";
import { type Call, startCall } from "../../peers/call.ts";
import { type Home, hostTable } from "../../peers/home.ts";
import { processesMarked, wordsOf } from "../../peers/processes.ts";
import { MIB, standingStill } from "../stream/stream.ts";
import type { Servant } from "./servant.ts";

/** What a hostile server may cost over an honest one, in MiB; the collectors let some more gather while much flows. */
export const MOST = 64;

/** Milliseconds for which the other connections may be held up. */
const HELD_UP = 300;

export const LIMIT = { timeout: 60_000 };

export function host(match: string, servant: Servant, keys: Readonly<Record<string, boolean>>): string {
  const { port, user, identity, knownHosts } = servant;
  return hostTable({
    ...{ match, server: "127.0.0.1", port, user, identity, known_hosts: knownHosts },
    ...{ ssh_config: "none", deadline: "8s", "commands.imap": "imapd", ...keys },
  });
}

export function calling(form: Form, home: Home, server: string): Promise<Call> {
  return startCall([...form.argv, server, "jane", "imap"], {
    env: home.env,
    stdio: "alpine",
    collect: false,
  });
}

/** Says something and waits for the echo, so many times; gives the longest time in ms. */
export async function worstEcho(call: Call, times: number, tag: string): Promise<number> {
  let worst = 0;
  for (let count = 0; count < times; count++) {
    const began = performance.now();
    call.write(`${tag}${count} NOOP\r\n`);
    await call.readUntil(new RegExp(`${tag}${count} NOOP`), 15_000);
    worst = Math.max(worst, performance.now() - began);
  }
  return worst;
}

/** Writes until nothing more is taken, and gives how many bytes were. */
export async function feed(call: { readonly stdin: Writable }): Promise<number> {
  const piece = Buffer.alloc(MIB / 4, "x");
  let taken = 0;
  const more = (): void => {
    while (taken < 400 * MIB && call.stdin.write(piece)) taken += piece.length;
  };
  call.stdin.on("error", () => {});
  call.stdin.on("drain", more);
  more();
  await standingStill(() => taken);
  return taken;
}

export function masterOf(home: Home): number | undefined {
  return processesMarked(`HOME=${home.path}`).find((pid) => wordsOf(pid).includes("--master"));
}

/** What `hold` gives, in ms, is at most what may be; this machine has other things to do as well, so it may be tried thrice. */
export async function holdsNobodyUp(hold: () => Promise<number>): Promise<void> {
  const times: number[] = [];
  do times.push(await hold());
  while (times.length < 3 && Math.min(...times) > HELD_UP);
  assert.ok(Math.min(...times) <= HELD_UP, String(times));
}
