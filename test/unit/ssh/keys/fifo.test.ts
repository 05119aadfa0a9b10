import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { closeSync, constants, openSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { readIdentity } from "../../../../src/ssh/keys/identity_file.ts";
import { readHostKeyFiles } from "../../../../src/ssh/trust/host_key_files.ts";
import { type Sshd, startSshd } from "../../../peers/sshd.ts";
import { makeTemporary, removeTemporary } from "../../../peers/temporary.ts";
import { within } from "../../../peers/waiting.ts";
import { never, targetFor } from "../fixtures.ts";

const folder = makeTemporary();
const fifo = join(folder, "fifo");
let sshd: Sshd;
before(async () => {
  execFileSync("mkfifo", ["-m", "600", fifo, `${fifo}.pub`]);
  sshd = await startSshd();
});
after(async () => {
  await sshd.stop();
  removeTemporary(folder);
});

/** Where the FIFO was opened for reading all the same, a writer comes and goes: no thread must stay behind. */
async function unblocking<T>(promise: Promise<T>, ...paths: string[]): Promise<T> {
  try {
    return await within(promise, "the end of the reading", undefined, 2000);
  } finally {
    for (const path of paths) {
      try {
        closeSync(openSync(path, constants.O_WRONLY | constants.O_NONBLOCK));
      } catch {
        // Nobody reads it (ENXIO).
      }
    }
  }
}

test("a FIFO as known_hosts is noted, and nobody waits for it", async () => {
  const notes: string[] = [];
  const target = targetFor(sshd, { knownHosts: [fifo, sshd.knownHosts] });
  const { entries } = await unblocking(
    readHostKeyFiles(target, { note: (line) => notes.push(line), signal: never(), env: {} }),
    fifo,
  );
  assert.deepEqual(notes, [`${fifo}: cannot be read (not a regular file): no host key of it counts`]);
  assert.ok(entries.length > 0);
});

test("/dev/null as known_hosts is empty, and worth no note", async () => {
  const notes: string[] = [];
  const target = targetFor(sshd, { knownHosts: ["/dev/null"] });
  const { entries } = await readHostKeyFiles(target, {
    note: (line) => notes.push(line),
    signal: never(),
    env: {},
  });
  assert.deepEqual(entries, []);
  assert.deepEqual(notes, []);
});

test("a FIFO as an identity, or beside one, is passed over, and nobody waits for it", async () => {
  const identity = await unblocking(readIdentity(fifo), `${fifo}.pub`, fifo);
  assert.deepEqual(identity, {
    ...{ kind: "useless", path: fifo, why: "cannot be read (not a regular file)" },
    hint: `look at it: ls -ld ${fifo}`,
  });
});
