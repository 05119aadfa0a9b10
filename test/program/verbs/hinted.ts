import assert from "node:assert/strict";
import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { rshPath } from "../../peers/alpine.ts";
import type { Form } from "../../peers/binaries.ts";
import { runCall } from "../../peers/call.ts";
import type { Home, HostLines } from "../../peers/home.ts";

/** What a verb has told. */
export interface Told {
  readonly status: number | null;
  /** Standard output. */
  readonly text: string;
  readonly stderr: string;
  readonly hints: readonly string[];
}

type Env = Readonly<Record<string, string>>;

/** Runs a verb with its words, and without a terminal. */
export async function tell(form: Form, home: Home, words: readonly string[], env: Env = {}): Promise<Told> {
  const options = { env: { ...home.env, ...env }, stdio: "pipes" } as const;
  const { status, output, stderr } = await runCall([...form.argv, ...words], options);
  const hints = [...stderr.matchAll(/^preauth: hint: (.*)$/gm)].map(([, hint = ""]) => hint);
  return { status, text: output.toString(), stderr, hints };
}

/** `--check work` */
export function check(form: Form, home: Home, env: Env = {}): Promise<Told> {
  return tell(form, home, ["--check", "work"], env);
}

/** The keys that hints would have written into the table. */
export function keysOf(hints: readonly string[]): HostLines {
  const lines = hints
    .map((hint) => /(?:^|: |as in )(\S+) = ([^{].*)$/.exec(hint))
    .filter((found) => found !== null);
  return Object.fromEntries(lines.map(([, key = "", value = ""]) => [key, JSON.parse(value)]));
}

/** What is to be typed of a hint: what stands behind its first colon. */
export function lineOf(hints: readonly string[], about: RegExp): string {
  const hint = hints.find((one) => about.test(one)) ?? assert.fail(`no ${about} in:\n${hints.join("\n")}`);
  return hint.slice(hint.indexOf(": ") + 2);
}

/** Types a line into a shell that finds preauth. */
export function type(form: Form, home: Home, line: string, env: Env = {}): SpawnSyncReturns<string> {
  const path = existsSync(join(home.path, "preauth"))
    ? home.path
    : rshPath(home, form.argv).replace(/\/[^/]*$/, "");
  const own = { ...home.env, PATH: `${path}:${home.env.PATH}`, ...env };
  return spawnSync("/bin/sh", ["-c", line], { env: own, encoding: "utf8", input: "" });
}
