import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { LookUp } from "../../../src/forwards/carry.ts";
import { hindranceText, Surroundings } from "../../../src/forwards/unless.ts";
import type { Forward } from "../../../src/table/table.ts";
import { refusingPort, silentServer } from "../../peers/tcp.ts";
import { makeTemporary, removeTemporary } from "../../peers/temporary.ts";
import { startUnanswering } from "../../peers/unanswering.ts";
import { within } from "../../peers/waiting.ts";
import { forwardOf } from "./fixtures.ts";

let folder = "";
before(() => {
  folder = makeTemporary();
});
after(() => removeTemporary(folder));

const never = new AbortController().signal;
const loopback: LookUp = async () => [{ address: "127.0.0.1" }];

interface Setting {
  readonly lookUp?: LookUp;
  readonly resolv?: string;
  readonly signal?: AbortSignal;
  /** A line of sh that stands for hostname. */
  readonly hostname?: string;
}

function surroundings({ lookUp = loopback, resolv = "", signal = never, hostname }: Setting): Surroundings {
  const place = mkdtempSync(join(folder, "s-"));
  const resolvConf = join(place, "resolv.conf");
  writeFileSync(resolvConf, resolv);
  if (hostname !== undefined) {
    writeFileSync(join(place, "hostname"), `#!/bin/sh\n${hostname}\n`, { mode: 0o755 });
  }
  return new Surroundings({ lookUp, signal, resolvConf, env: { PATH: `${place}:/usr/bin:/bin` } });
}

function unless(tests: Forward["unless"]): Forward {
  return forwardOf({ to: { host: "mail", port: 25 }, unless: tests });
}

test("nothing holds back a forward without unless, and nothing is asked for it", async () => {
  const lookUp: LookUp = () => assert.fail("looked up");
  assert.equal(await surroundings({ lookUp, hostname: "touch asked" }).hindrance(unless({})), undefined);
});

test("a machine that is at home holds it back, and says who told", async () => {
  const found = await surroundings({ hostname: "echo LAN.Home.NET." }).hindrance(
    unless({ domain: ["other.org", "home.net"] }),
  );
  assert.ok(found);
  assert.equal(hindranceText(found), 'at home in "home.net": hostname -d says "LAN.Home.NET."');
});

test("a machine elsewhere does not", async () => {
  const away = surroundings({ hostname: "echo isp.com", resolv: "search lan.isp.com\n" });
  assert.equal(await away.hindrance(unless({ domain: ["home.net"] })), undefined);
});

test("an endpoint that takes a connection holds it back, by name or by address", async () => {
  await using peer = await silentServer();
  const reachable = { host: "mail", port: peer.port };
  const asked: string[] = [];
  const lookUp: LookUp = async (host) => {
    asked.push(host);
    return [{ address: "::1" }, { address: "127.0.0.1" }];
  };
  const found = await surroundings({ lookUp }).hindrance(unless({ reachable }));
  assert.ok(found);
  assert.equal(hindranceText(found), `mail:${peer.port} can be reached directly`);
  assert.deepEqual(asked, ["mail"]);
  await peer.idle();
});

test("one that refuses, has no address, or does not answer within a second does not", async () => {
  const refusing = { host: "mail", port: await refusingPort() };
  assert.equal(await surroundings({}).hindrance(unless({ reachable: refusing })), undefined);
  const lookUp: LookUp = () => Promise.reject(new Error("no such name"));
  assert.equal(await surroundings({ lookUp }).hindrance(unless({ reachable: refusing })), undefined);
  await using unanswering = await startUnanswering();
  const reachable = { host: "mail", port: unanswering.port };
  const asked = surroundings({}).hindrance(unless({ reachable }));
  assert.equal(await within(asked, "an answer", () => "", 5000), undefined);
});

test("a look-up that hangs is given up after a second", async () => {
  const lookUp: LookUp = () => new Promise(() => {});
  const asked = surroundings({ lookUp }).hindrance(unless({ reachable: { host: "mail", port: 25 } }));
  assert.equal(await within(asked, "an answer", () => "", 5000), undefined);
});

test("the first that holds it back ends the wait for the others", async () => {
  let aborted = false;
  const lookUp: LookUp = (_host, signal) =>
    new Promise(() =>
      signal.addEventListener("abort", () => {
        aborted = true;
      }),
    );
  const slow = surroundings({ lookUp, resolv: "search home.net\n", hostname: "exec sleep 60" });
  const tests = { domain: ["home.net"], reachable: { host: "mail", port: 25 } };
  const started = performance.now();
  const found = await slow.hindrance(unless(tests));
  assert.equal(found?.kind, "domain");
  assert.ok(performance.now() - started < 1000);
  assert.ok(aborted);
});

test("the domain is asked for once, for as many forwards as there are", async () => {
  const count = join(folder, "count");
  const here = surroundings({ hostname: `echo x >> ${count}; echo isp.com` });
  const forwards = [1, 2, 3].map(() => here.hindrance(unless({ domain: ["home.net"] })));
  assert.deepEqual(await Promise.all(forwards), [undefined, undefined, undefined]);
  assert.equal(readFileSync(count, "utf8"), "x\n");
});

test("all is given up with the signal", async () => {
  const enough = new AbortController();
  const lookUp: LookUp = () => new Promise(() => {});
  const here = surroundings({ lookUp, signal: enough.signal, hostname: "exec sleep 60" });
  const tests = { domain: ["home.net"], reachable: { host: "mail", port: 25 } };
  const asked = here.hindrance(unless(tests));
  enough.abort(new Error("enough"));
  await assert.rejects(asked, /enough/);
  await assert.rejects(here.hindrance(unless(tests)), /enough/);
});
