import assert from "node:assert/strict";
import { once } from "node:events";
import { linkSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { foresee } from "../../../src/forwards/foresee.ts";
import { listenOnPath } from "../../../src/forwards/listen_path.ts";
import { SocketTables } from "../../../src/forwards/socket_tables.ts";
import { hearsayNote, standingHint, standingText } from "../../../src/forwards/state.ts";
import { Surroundings } from "../../../src/forwards/unless.ts";
import type { CarriedForward } from "../../../src/table/decision.ts";
import { makeTemporary, removeTemporary } from "../../peers/temporary.ts";
import {
  forwardOf,
  freePort,
  OWN,
  STRANGER,
  sessionForward,
  startListener,
  withoutRoot,
  withoutSix,
} from "./fixtures.ts";

let folder = "";
let resolvConf = "";
before(() => {
  folder = makeTemporary();
  resolvConf = join(folder, "resolv.conf");
  writeFileSync(resolvConf, "search lan.home.net\n");
});
after(() => removeTemporary(folder));

const mail = { host: "mail", port: 25 };

async function foreseen(
  forward: CarriedForward,
  tables = new SocketTables(),
): Promise<readonly [string, string | undefined]> {
  const surroundings = new Surroundings({
    lookUp: () => assert.fail("looked up"),
    signal: new AbortController().signal,
    env: { PATH: "/nowhere" },
    resolvConf,
  });
  const [standing] = await foresee([forward], { tables, uid: OWN, surroundings });
  assert.ok(standing);
  return [standingText(standing), standingHint(standing)];
}

test("a free port would be carried", async () => {
  const listen = await freePort();
  assert.deepEqual(await foreseen(forwardOf({ listen, to: mail })), [
    `would carry port ${listen} to mail:25`,
    undefined,
  ]);
});

test("unless.reachable is not tried, and named", async () => {
  const listen = await freePort();
  const forward = forwardOf({ listen, to: mail, unless: { domain: ["isp.com"], reachable: mail } });
  assert.deepEqual(await foreseen(forward), [
    `would carry port ${listen} to mail:25, unless mail:25 can be reached directly`,
    undefined,
  ]);
});

test("a domain holds back", async () => {
  const [text] = await foreseen(forwardOf({ to: mail, unless: { domain: ["home.net"] } }));
  assert.equal(text, `not opened: at home in "home.net": ${resolvConf} says "lan.home.net"`);
});

test("that resolv.conf alone tells the domain is known, whether it holds back or not", async () => {
  const note = async (domain: string, program?: string): Promise<string | undefined> => {
    const bin = mkdtempSync(join(folder, "bin-"));
    if (program !== undefined)
      writeFileSync(join(bin, "hostname"), `#!/bin/sh\necho ${program}\n`, { mode: 0o755 });
    const surroundings = new Surroundings({
      lookUp: () => assert.fail("looked up"),
      signal: new AbortController().signal,
      env: { PATH: bin },
      resolvConf,
    });
    const forward = forwardOf({ listen: await freePort(), to: mail, unless: { domain: [domain] } });
    const [standing] = await foresee([forward], { tables: new SocketTables(), uid: OWN, surroundings });
    return standing && hearsayNote(standing);
  };
  assert.match(
    (await note("home.net")) ?? "",
    /^only resolv\.conf says whether this machine is in "home\.net", and /,
  );
  assert.match((await note("home.net", "isp.com")) ?? "", /^only resolv\.conf/);
  assert.match((await note("elsewhere.net")) ?? "", /^only resolv\.conf/);
  assert.equal(await note("home.net", "home.net"), undefined);
  assert.equal(await note("elsewhere.net", "isp.com"), undefined);
});

test("who has a port is told", async () => {
  await using other = await startListener({ called: "preauth" });
  const [text] = await foreseen(forwardOf({ listen: other.port, to: mail }));
  assert.equal(text, `port ${other.port} is held by preauth (pid ${other.pid}) already`);
});

test("another user's port is told, with what to do", { skip: withoutRoot }, async () => {
  await using other = await startListener({ uid: STRANGER });
  const [text, hint] = await foreseen(forwardOf({ listen: other.port, to: mail }));
  assert.match(text, /is in use by uid 12345: perl \(pid \d+\), another user, who could read your mail$/);
  assert.equal(hint, "choose another place, in the table and in the mail client");
});

test("who has ::1 alone is told, with what to do", { skip: withoutSix }, async () => {
  await using other = await startListener({ host: "::1" });
  const [text, hint] = await foreseen(forwardOf({ listen: other.port, to: mail }));
  assert.match(text, /^would carry port \d+ to mail:25; ::1 is in use by perl /);
  assert.equal(hint, "write 127.0.0.1 instead of localhost in the mail client");
});

test("a port below 1024 without the right is told, with what to do", async () => {
  const proc = mkdtempSync(join(folder, "proc-"));
  mkdirSync(join(proc, "net"));
  mkdirSync(join(proc, "self"));
  writeFileSync(join(proc, "net/tcp"), "");
  writeFileSync(join(proc, "self/status"), "CapEff:\t0000000000000000\n");
  const tables = new SocketTables({ proc, platform: "linux" });
  assert.deepEqual(await foreseen(forwardOf({ listen: 25, to: mail }), tables), [
    "port 25 needs a right that this user does not have",
    "choose a port from 1024 on, in the table and in the mail client",
  ]);
});

test("a METHOD is not served on a port where nobody tells whose a connection is", async () => {
  const listen = await freePort();
  const [text] = await foreseen(sessionForward({ listen }), new SocketTables({ platform: "freebsd" }));
  assert.equal(text, `port ${listen} is not served: this system does not tell which user made a connection`);
  assert.equal((await foreseen(sessionForward({ listen })))[0], `would carry port ${listen} to METHOD imap`);
});

test("a socket in use is told from one that was left behind, without a connection", async () => {
  const path = join(mkdtempSync(join(folder, "d-")), "smtp");
  const left = createServer().listen(`${path}.x`);
  await once(left, "listening");
  linkSync(`${path}.x`, path);
  left.close();
  const forward = forwardOf({ listen: path, to: mail });
  assert.equal((await foreseen(forward))[0], `would carry socket "${path}" to mail:25`);
  const options = { tables: new SocketTables(), uid: OWN, mode: 0o600 };
  const outcome = await listenOnPath(path, options, () => assert.fail("a connection"));
  assert.ok(outcome.kind === "held");
  const [here, elsewhere] = await Promise.all([
    foreseen(forward),
    foreseen(forward, new SocketTables({ platform: "freebsd" })),
  ]).finally(() => outcome.listening.close());
  assert.match(here[0], /^socket ".*" is in use by .*pid \d+\) of the same user/);
  assert.match(elsewhere[0], /is in use by an unknown user$/);
  writeFileSync(path, "a letter");
  assert.match((await foreseen(forward))[0], /is not a socket, and is left alone$/);
});
