import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { connect as connectSocket } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Person } from "../../../../src/person.ts";
import { Login } from "../../../../src/ssh/login.ts";
import { HostKeyCheck, type Ruling } from "../../../../src/ssh/trust/host_key.ts";
import { hostKeyName, makeKey } from "../../../peers/keys.ts";
import { somebody } from "../../../peers/person.ts";
import { type Sshd, startSshd } from "../../../peers/sshd.ts";
import { makeTemporary, removeTemporary } from "../../../peers/temporary.ts";
import { within } from "../../../peers/waiting.ts";
import { connectTo, never, newStory, targetFor, type Values } from "../fixtures.ts";
import { startLyingServer } from "./lying_server.ts";

/*
 * Nothing of a login may leave before the host key has been accepted. sshd at DEBUG3 logs each packet that
 * comes: 5 is SSH_MSG_SERVICE_REQUEST, 50 to 79 belong to the login (RFC 4250 section 4.1.2).
 */
const LOGIN_PACKET = /receive packet: type (?:5|5\d|6\d|7\d)\b/g;

const folder = makeTemporary();
let sshd: Sshd;
before(async () => {
  sshd = await startSshd({ config: ["LogLevel DEBUG3"] });
});
after(async () => {
  await sshd.stop();
  removeTemporary(folder);
});

let count = 0;
function file(text: string): string {
  const path = join(folder, `file.${++count}`);
  writeFileSync(path, text);
  return path;
}

const line = () => sshd.hostKeys[0]?.line ?? "";

/** Packets of a login that sshd has received from the connections that `make` makes and ends. */
async function packetsOf(make: () => Promise<unknown>): Promise<number> {
  const start = sshd.log().length;
  const connections = sshd.connections();
  await make();
  await sshd.idle();
  assert.ok(sshd.connections() > connections);
  return sshd.log().slice(start).match(LOGIN_PACKET)?.length ?? 0;
}

async function refusedBy(values: Values, person?: Person, signal: AbortSignal = never()): Promise<unknown> {
  try {
    (await connectTo(targetFor(sshd, values), newStory(), signal, person)).end();
  } catch (error) {
    return error;
  }
  throw new Error("was accepted");
}

test("the packets of a login are seen when the key is known", async () => {
  const packets = await packetsOf(async () => (await connectTo(targetFor(sshd))).end());
  assert.ok(packets >= 2, `${packets}`);
});

const refusals: readonly (readonly [title: string, values: () => Values])[] = [
  ["unknown", () => ({ knownHosts: [] })],
  ["changed", () => ({ knownHosts: [sshd.knownHostsFile("wrong")] })],
  ["revoked in known_hosts", () => ({ knownHosts: [sshd.knownHosts, file(`@revoked * ${line()}`)] })],
  ["revoked by RevokedHostKeys", () => ({ revokedHostKeys: [file(line())] })],
  ["checked against a file that is missing", () => ({ revokedHostKeys: [join(folder, "nowhere")] })],
  ["an authority's only", () => ({ knownHosts: [file(`@cert-authority * ${line()}`)] })],
];

for (const [title, values] of refusals) {
  test(`no packet of a login leaves when the key is ${title}, with and without a person`, async () => {
    const packets = await packetsOf(async () => {
      assert.equal(((await refusedBy(values())) as { trouble?: string }).trouble, "hostkey");
      await refusedBy(values(), somebody("no"));
    });
    assert.equal(packets, 0);
  });
}

test("no packet of a login leaves when the check throws, and its error is told", async () => {
  class BrokenCheck extends HostKeyCheck {
    override rule(): Ruling {
      throw new TypeError("broken");
    }
  }
  const packets = await packetsOf(async () => {
    const socket = connectSocket(sshd.port, sshd.host);
    const check = new BrokenCheck(targetFor(sshd), { entries: [], revoked: [] });
    const options = {
      signal: never(),
      progress: newStory().progress,
      note: () => {},
      env: process.env,
      purpose: "mail" as const,
    };
    await assert.rejects(new Login(targetFor(sshd), socket, check, options).run(), /^TypeError: broken$/);
  });
  assert.equal(packets, 0);
});

test("no packet of a login leaves when a person turns away, or cannot be asked", async () => {
  const silent: Person = {
    tell: () => {
      throw new TypeError("no terminal");
    },
    ask: async () => "yes",
  };
  const packets = await packetsOf(async () => {
    const error = await refusedBy({ knownHosts: [file("")] }, somebody(new Error("turned away")));
    assert.match(String(error), /turned away/);
    assert.match(String(await refusedBy({ knownHosts: [file("")] }, silent)), /no terminal/);
  });
  assert.equal(packets, 0);
});

/** Somebody who answers when told to, whatever the signal says. */
class LatePerson implements Person {
  answer: (text: string) => void = () => {};
  readonly asked: Promise<void>;
  #tellAsked: () => void = () => {};

  constructor() {
    this.asked = new Promise((resolve) => {
      this.#tellAsked = resolve;
    });
  }

  tell(): void {}

  ask(): Promise<string> {
    this.#tellAsked();
    return new Promise((resolve) => {
      this.answer = resolve;
    });
  }
}

test("no packet of a login leaves while a person thinks, nor after a no or a yes that comes too late", async () => {
  const path = file("");
  const packets = await packetsOf(async () => {
    for (const text of ["yes", "no"]) {
      const controller = new AbortController();
      const person = new LatePerson();
      const start = sshd.log().length;
      const refused = refusedBy({ knownHosts: [path] }, person, controller.signal);
      await within(person.asked, "the question");
      // The server has done its part of the exchange, and waits.
      await sshd.logged(/SSH2_MSG_NEWKEYS sent/);
      assert.doesNotMatch(sshd.log().slice(start), LOGIN_PACKET);
      controller.abort(new Error("enough"));
      assert.match(String(await refused), /enough/);
      person.answer(text);
    }
  });
  assert.equal(packets, 0);
});

test("a yes that comes in time lets the login begin", async () => {
  const person = new LatePerson();
  const packets = await packetsOf(async () => {
    const connecting = connectTo(targetFor(sshd, { knownHosts: [file("")] }), newStory(), never(), person);
    await within(person.asked, "the question");
    person.answer("yes");
    (await connecting).end();
  });
  assert.ok(packets >= 2, `${packets}`);
});

test("a second key is refused while nobody has said yes to the first", () => {
  const key = (line: string) => Buffer.from(line.split(" ")[1] ?? "", "base64");
  const other = key(makeKey(join(folder, "second")).line);
  const check = new HostKeyCheck(targetFor(sshd), { entries: [], revoked: [] });
  assert.equal(check.rule(key(line())).kind, "unknown");
  assert.equal(check.rule(key(line())).kind, "refused");
  check.accept();
  assert.equal(check.rule(key(line())).kind, "trusted");
  assert.equal(check.rule(other).kind, "refused");
  assert.equal(check.rule(key(line())).kind, "trusted");
});

async function targetOfLiar(liar: { host: string; port: number; key: { line: string } }) {
  const knownHosts = file(`${hostKeyName(liar.host, liar.port)} ${liar.key.line}\n`);
  return targetFor({ ...pick(sshd), host: liar.host, port: liar.port, knownHosts });
}

function pick({ user, identity }: Sshd) {
  return { user, identity };
}

test("a login goes on when keys are renewed in its midst by the same host key", async () => {
  await using honest = await startLyingServer("login", true);
  const connection = await connectTo(await targetOfLiar(honest));
  assert.equal(honest.renewals, 1);
  connection.end();
  await honest.ended;
});

test("no packet of a login leaves any more when the host key changes in its midst", async () => {
  await using liar = await startLyingServer("login", false);
  await assert.rejects(connectTo(await targetOfLiar(liar)), {
    trouble: "hostkey",
    what: "the server has changed its host key within the connection",
  });
  await within(liar.ended, "the end of the connection");
  assert.ok((liar.packetsBefore ?? 0) >= 2);
  assert.equal(liar.packets.length, liar.packetsBefore);
  assert.equal(liar.renewals, 0);
});

test("a connection ends when the host key changes after the login", async () => {
  await using liar = await startLyingServer("open", false);
  const connection = await connectTo(await targetOfLiar(liar));
  const reason = await within(connection.closed, "the end of the connection");
  await within(liar.ended, "the end of the connection");
  assert.equal(reason, "the server has changed its host key within the connection");
  assert.equal(liar.renewals, 0);
});
