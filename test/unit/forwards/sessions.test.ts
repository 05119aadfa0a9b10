import assert from "node:assert/strict";
import { connect } from "node:net";
import { type Duplex, PassThrough } from "node:stream";
import { test } from "node:test";
import { Failure } from "../../../src/failure.ts";
import type { OpenSession } from "../../../src/forwards/carry.ts";
import { imapClient } from "../../peers/imap_client.ts";
import { poll, within } from "../../peers/waiting.ts";
import { stage } from "./stage.ts";

const to = { host: "127.0.0.1", port: 1 };

/** A session that says a greeting and then what it hears. */
function echoing(): Duplex {
  const up = new PassThrough();
  up.write("* PREAUTH ready\r\n");
  return up;
}

/** A session that is opened when the test says so. */
function held(): { readonly open: OpenSession; readonly wanted: AbortSignal[]; give(far: Duplex): void } {
  const wanted: AbortSignal[] = [];
  let give: (far: Duplex) => void = () => {};
  const open: OpenSession = (_forward, signal) => {
    wanted.push(signal);
    return new Promise((resolve, reject) => {
      give = resolve;
      signal.addEventListener("abort", () => reject(signal.reason));
    });
  };
  return { open, wanted, give: (far) => give(far) };
}

test("what a client says before its session is open is said to it, with its end", async () => {
  const session = held();
  await using on = await stage({ to, open: session.open });
  using client = await imapClient(on.port);
  client.say("a NOOP\r\n");
  client.end();
  await poll(() => session.wanted.length === 1, "the wish");
  // Not before both have come.
  await poll(() => on.accepted[0]?.readableEnded === true, "its end");
  session.give(echoing());
  assert.equal(await client.ended(), "* PREAUTH ready\r\na NOOP\r\n");
  await within(on.traffic.idle(), "idle");
});

test("a client that speaks too early and too much is not read any further", async () => {
  const session = held();
  await using on = await stage({ to, open: session.open });
  using client = await imapClient(on.port);
  const said = "x".repeat(8 * 1024 * 1024);
  client.say(said);
  client.end();
  await poll(() => session.wanted.length === 1, "the wish");
  const [accepted] = on.accepted;
  await poll(() => (accepted?.bytesRead ?? 0) >= 64 * 1024 && accepted?.isPaused(), "the pause");
  assert.ok((accepted?.bytesRead ?? 0) < 1024 * 1024);
  session.give(echoing());
  assert.equal((await client.ended()).length, "* PREAUTH ready\r\n".length + said.length);
});

for (const how of ["closes", "resets", "ends"] as const) {
  test(`a client that ${how} before its greeting has nothing opened for it any longer`, async () => {
    const session = held();
    await using on = await stage({ to, open: session.open });
    const client = connect({ port: on.port, host: "127.0.0.1", allowHalfOpen: true });
    client.on("error", () => {});
    await poll(() => session.wanted.length === 1, "the wish");
    if (how === "closes") client.destroy();
    else if (how === "resets") client.resetAndDestroy();
    else client.end();
    await poll(() => session.wanted[0]?.aborted === true, "the end of the wish");
    await within(on.traffic.idle(), "idle");
    assert.deepEqual(on.notes, []);
    client.destroy();
  });
}

test("a session that cannot be had is told in the protocol's words, once in the log", async () => {
  const why = new Failure("auth", "work", "no key was let in: \x1b[1mKÖNIG\r\n");
  await using on = await stage({ to, open: () => Promise.reject(why) });
  for (const _ of [1, 2]) {
    using client = await imapClient(on.port);
    client.say("a CAPABILITY\r\n");
    assert.equal(await client.ended(), "* BYE preauth: work: no key was let in: \\e[1mK?NIG\\r\\n\r\n");
    client.end();
    await within(on.traffic.idle(), "idle");
  }
  assert.deepEqual(on.notes, [`forward "smtp": no connection to METHOD imap: ${why.what}`].map(asInbox));
});

test("a bug is told as no more than that", async () => {
  await using on = await stage({ to, open: () => Promise.reject(new TypeError("x is undefined")) });
  using client = await imapClient(on.port);
  assert.equal(await client.ended(), "* BYE preauth: preauth: internal error, see the log\r\n");
  client.end();
  await within(on.traffic.idle(), "idle");
  assert.deepEqual(on.notes, [asInbox('forward "smtp": no connection to METHOD imap: x is undefined')]);
});

test("a client that is told why and stays is left after a while", async () => {
  await using on = await stage({ to, open: () => Promise.reject(new Failure("network", "work", "gone")) });
  using client = await imapClient(on.port);
  assert.equal(await client.ended(), "* BYE preauth: work: gone\r\n");
  await within(on.traffic.idle(), "idle");
});

function asInbox(line: string): string {
  return line.replace('"smtp"', '"inbox"');
}
