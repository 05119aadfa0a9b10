import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { Progress } from "../../../src/progress.ts";
import { onceEnded } from "../../../src/session/ended.ts";
import { awaitGreeting } from "../../../src/session/greeting.ts";
import { Remarks } from "../../../src/session/remarks.ts";
import type { RemoteCommand } from "../../../src/ssh/channel/remote_command.ts";

test("an end that came with the greeting is told to whoever asks for it afterwards", async () => {
  const stdout = new PassThrough();
  stdout.end("* PREAUTH ready\r\n");
  const remote = { stdout, ended: new Promise(() => {}) } as unknown as RemoteCommand;
  const greeting = await awaitGreeting(remote, new Remarks(() => {}), {
    server: "mail.test",
    progress: new Progress(),
    signal: new AbortController().signal,
  });
  assert.equal(Buffer.concat(greeting).toString(), "* PREAUTH ready\r\n");
  await turn();
  assert.equal(stdout.readableEnded, true);
  let ends = 0;
  onceEnded(stdout, () => ends++);
  await turn();
  assert.equal(ends, 1);
});

test("an end that is still to come is told then, once", async () => {
  const stdout = new PassThrough();
  let ends = 0;
  onceEnded(stdout, () => ends++);
  stdout.resume();
  await turn();
  assert.equal(ends, 0);
  stdout.end();
  await turn();
  await turn();
  assert.equal(ends, 1);
});
