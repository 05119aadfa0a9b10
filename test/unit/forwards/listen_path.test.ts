import assert from "node:assert/strict";
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Listening } from "../../../src/forwards/bind.ts";
import { listenOnPath, type PathOutcome } from "../../../src/forwards/listen_path.ts";
import { lookAtPath } from "../../../src/forwards/probe.ts";
import { removeStale, tokenOf } from "../../../src/forwards/socket_file.ts";
import { SocketTables } from "../../../src/forwards/socket_tables.ts";
import { makeTemporary, removeTemporary } from "../../peers/temporary.ts";
import { OWN, runClient, STRANGER, withoutRoot } from "./fixtures.ts";

let folder = "";
before(() => {
  folder = makeTemporary();
});
after(() => removeTemporary(folder));

const options = { tables: new SocketTables(), uid: OWN, mode: 0o600 };

/** A path in a directory of its own. */
function place(name = "smtp"): string {
  return join(mkdtempSync(join(folder, "p-")), name);
}

function listen(path: string, mode = 0o600): Promise<PathOutcome> {
  return listenOnPath(path, { ...options, mode }, (socket) => socket.end("220 mail\r\n"));
}

/** Listens, and expects to. */
async function hold(path: string, mode?: number): Promise<Listening & Disposable> {
  const outcome = await listen(path, mode);
  assert.ok(outcome.kind === "held", JSON.stringify(outcome));
  const close = (): void => outcome.listening.close();
  return { close, [Symbol.dispose]: close };
}

/** Leaves a socket file behind, as a process does that is killed. */
async function leaveBehind(path: string): Promise<void> {
  const server = createServer().listen(`${path}.x`);
  await once(server, "listening");
  linkSync(`${path}.x`, path);
  server.close();
  await once(server, "close");
}

function modeOf(path: string): string {
  return (lstatSync(path).mode & 0o777).toString(8);
}

test("a socket that only its owner can connect to is made, and removed at the end", async () => {
  const path = place();
  using listening = await hold(path);
  assert.ok(lstatSync(path).isSocket());
  assert.equal(modeOf(path), "600");
  assert.deepEqual(readdirSync(join(path, "..")), ["smtp"]);
  assert.equal(await runClient({ address: path }), "220 mail\r\n");
  listening.close();
  assert.deepEqual(readdirSync(join(path, "..")), []);
});

test("another user cannot connect, unless everybody may", { skip: withoutRoot }, async () => {
  const path = place();
  for (const directory of [folder, join(path, "..")]) chmodSync(directory, 0o755);
  using own = await hold(path);
  assert.match(await runClient({ address: path, uid: STRANGER }), /^connect: 13/);
  own.close();
  using open = await hold(path, 0o666);
  assert.equal(await runClient({ address: path, uid: STRANGER }), "220 mail\r\n");
  open.close();
});

test("a socket that is in use stays, and is known as the same user's", async () => {
  const path = place();
  using listening = await hold(path);
  const outcome = await listen(path);
  assert.ok(outcome.kind === "taken" && outcome.by.kind === "same-user", JSON.stringify(outcome));
  assert.equal(outcome.by.program?.pid, process.pid);
  assert.equal(await runClient({ address: path }), "220 mail\r\n");
  listening.close();
});

test("a socket that was left behind is replaced", async () => {
  const path = place();
  await leaveBehind(path);
  using listening = await hold(path);
  assert.equal(await runClient({ address: path }), "220 mail\r\n");
  assert.equal(modeOf(path), "600");
  listening.close();
});

test("another user's socket stays, whether anybody listens or not", { skip: withoutRoot }, async () => {
  const path = place();
  await leaveBehind(path);
  chownSync(path, STRANGER, STRANGER);
  assert.deepEqual(await listen(path), {
    kind: "taken",
    by: { kind: "another-user", uid: STRANGER, program: undefined },
  });
  assert.ok(existsSync(path));
});

test("what is no socket stays", async () => {
  const path = place();
  writeFileSync(path, "a letter");
  assert.deepEqual(await listen(path), { kind: "not-a-socket" });
  assert.equal(readFileSync(path, "utf8"), "a letter");
  const dangling = place();
  symlinkSync(join(folder, "nowhere"), dangling);
  assert.deepEqual(await listen(dangling), { kind: "not-a-socket" });
  assert.ok(lstatSync(dangling).isSymbolicLink());
});

test("a directory that is not there and a path that is too long are told", async () => {
  assert.deepEqual(await listen(join(folder, "none/smtp")), {
    kind: "failed",
    why: "its directory does not exist",
  });
  const long = join(folder, "x".repeat(100 - folder.length - 1));
  assert.deepEqual(await listen(long), { kind: "failed", why: "longer than 99 bytes" });
  using listening = await hold(long.slice(0, -1));
  assert.equal(await runClient({ address: long.slice(0, -1) }), "220 mail\r\n");
  listening.close();
});

test("a directory that others can write is refused, wherever it stands on the way, unless it is sticky", async () => {
  const path = place();
  const above = join(path, "..");
  const inside = join(above, "d");
  mkdirSync(inside, { mode: 0o755 });
  for (const [mode, isSafe] of [
    [0o777, false],
    [0o770, false],
    [0o1777, true],
    [0o755, true],
  ] as const) {
    chmodSync(above, mode);
    for (const one of [path, join(inside, "smtp")]) {
      const outcome = await listen(one);
      assert.equal(outcome.kind, isSafe ? "held" : "failed", mode.toString(8));
      if (outcome.kind === "held") outcome.listening.close();
      else {
        const text = `is below ${above}, which is writable by group or others (mode 0${mode.toString(8)})`;
        assert.deepEqual(outcome, { kind: "failed", why: `it ${text}`, hint: `chmod go-w ${above}` });
      }
    }
    assert.deepEqual(readdirSync(above), ["d"]);
  }
});

test("closing removes what is its own and nothing else", async () => {
  const path = place();
  using first = await hold(path);
  renameSync(path, `${path}.aside`);
  using second = await hold(path);
  first.close();
  assert.equal(await runClient({ address: path }), "220 mail\r\n");
  second.close();
  assert.ok(!existsSync(path));
  using third = await hold(path);
  unlinkSync(path);
  writeFileSync(path, "a letter");
  third.close();
  assert.equal(readFileSync(path, "utf8"), "a letter");
});

test("a process that has found a socket stale, and comes late, leaves its successor alone", async () => {
  const path = place();
  await leaveBehind(path);
  const state = await lookAtPath(path, OWN);
  assert.ok(state.kind === "own-socket");
  using successor = await hold(path);
  assert.equal(removeStale(path, state.identity), true);
  assert.equal(await runClient({ address: path }), "220 mail\r\n");
  successor.close();
});

test("while one process removes a stale socket, others do not; what stays in the way is named", async () => {
  const path = place();
  await leaveBehind(path);
  const state = await lookAtPath(path, OWN);
  assert.ok(state.kind === "own-socket");
  const token = tokenOf(path, state.identity);
  linkSync(path, token);
  assert.equal(removeStale(path, state.identity), false);
  assert.deepEqual(await listen(path), { kind: "failed", why: `in the way: ${path}, ${token}` });
  assert.ok(existsSync(path));
});
