import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { serveSmtp } from "./dialogue.ts";
import type { Letter } from "./smtp.ts";
import { makeTemporary, removeTemporary } from "./temporary.ts";
import { poll } from "./waiting.ts";

/** What a sendmail was given: a letter by SMTP, or what came on stdin with the words it was started with. */
export interface Posted extends Letter {
  readonly words: readonly string[];
}

/** A stand-in for /usr/sbin/sendmail, and what it was given. */
export interface Sendmail extends Disposable {
  /** Its path. */
  readonly path: string;
  /** Waits for the n-th message and gives it. */
  posted(n?: number): Promise<Posted>;
}

/** Makes a sendmail that keeps what it gets: by SMTP on its stdin with -bs, the message itself without. */
export function makeSendmail(): Sendmail {
  const folder = makeTemporary();
  const kept = join(folder, "kept");
  mkdirSync(kept);
  const path = join(folder, "sendmail");
  const words = [process.execPath, "--import", import.meta.resolve("tsx"), fileURLToPath(import.meta.url)];
  writeFileSync(path, `#!/bin/sh\nexec ${words.join(" ")} ${kept} "$@"\n`, { mode: 0o755 });
  const read = (n: number): Posted | undefined => {
    const name = readdirSync(kept)
      .filter((name) => name.endsWith(".json"))
      .sort()[n - 1];
    return name === undefined ? undefined : JSON.parse(readFileSync(join(kept, name), "utf8"));
  };
  return {
    path,
    posted: (n = 1) => poll(() => read(n), `message ${n} given to sendmail`),
    [Symbol.dispose]: () => removeTemporary(folder),
  };
}

async function main(folder: string, words: readonly string[]): Promise<void> {
  let count = 0;
  const keep = (letter: Letter) => {
    const name = join(folder, `${Date.now()}-${process.pid}-${count++}`);
    writeFileSync(name, JSON.stringify({ ...letter, words }));
    renameSync(name, `${name}.json`);
  };
  if (words.includes("-bs")) serveSmtp(process.stdin, process.stdout, keep);
  else keep({ from: "", to: [], text: await text(process.stdin) });
}

const [, file, folder, ...words] = process.argv;
if (file === fileURLToPath(import.meta.url) && folder !== undefined) await main(folder, words);
