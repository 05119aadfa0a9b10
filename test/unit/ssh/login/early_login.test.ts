import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { appendFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { startAgent } from "../../../peers/agent.ts";
import { type Dropbear, skipWithoutDropbear, startDropbear } from "../../../peers/dropbear.ts";
import { type Key, type KeyType, makeKey } from "../../../peers/keys.ts";
import { program } from "../../../peers/programs.ts";
import { recentSshd, skipWithoutRecentSshd } from "../../../peers/recent_sshd.ts";
import { type Sshd, type SshdOptions, startSshd } from "../../../peers/sshd.ts";
import { makeTemporary, removeTemporary } from "../../../peers/temporary.ts";
import { GOOD, Memory, run, type Server, twice } from "./early.ts";

const folder = makeTemporary();
let count = 0;
after(() => removeTemporary(folder));

function newKey(type: KeyType = "ed25519"): Key {
  return makeKey(join(folder, `key${++count}`), type);
}

const servers: readonly (readonly [title: string, skip: string | false, start: () => SshdOptions])[] = [
  ["the system's sshd", false, () => ({})],
  ["an sshd of OpenSSH 10", skipWithoutRecentSshd(), () => ({ program: recentSshd() })],
];

for (const [title, skip, options] of servers) {
  describe(`an early login on ${title}`, { skip }, () => {
    let sshd: Sshd;
    const start = (config: readonly string[], more: SshdOptions = {}) =>
      startSshd({ ...options(), ...more, config });
    before(async () => {
      sshd = skip === false ? await start([]) : sshd;
    });
    after(() => sshd?.stop());

    /** Has the server take just these keys. */
    function admit(keys: readonly Key[], server = sshd): void {
      writeFileSync(
        join(dirname(server.identity), "authorized_keys"),
        keys.map(({ line }) => `${line}\n`).join(""),
      );
    }

    test("takes three round trips to the first byte of the command, and the first one seven", async () => {
      const { plain, early, history } = await twice(sshd);
      assert.deepEqual(plain, { what: GOOD, rounds: 7, connections: 1 });
      assert.deepEqual(early, { what: GOOD, rounds: 3, connections: 1 });
      assert.deepEqual(history.take(), []);
    });

    test("takes five where it is not known beforehand what is to be executed", async () => {
      const { history } = await twice(sshd);
      const result = await run(sshd, {}, history, undefined, "");
      assert.deepEqual(result, { what: GOOD, rounds: 5, connections: 1 });
    });

    for (const type of ["rsa", "ecdsa"] as const) {
      test(`takes an ${type} key too, and the agent's`, async () => {
        const key = newKey(type);
        appendFileSync(join(dirname(sshd.identity), "authorized_keys"), `${key.line}\n`);
        await using agent = await startAgent([key.path]);
        for (const values of [{ identityFiles: [key.path] }, { agent: agent.socket, identityFiles: [] }]) {
          const { early } = await twice(sshd, values);
          assert.deepEqual(early, { what: GOOD, rounds: 3, connections: 1 });
        }
      });
    }

    test("takes a second key at once, and a certificate", async () => {
      const other = newKey();
      const second = await twice(sshd, { identityFiles: [other.path, sshd.identity] });
      assert.deepEqual(second.early, { what: GOOD, rounds: 3, connections: 1 });
      const authority = newKey();
      await using trusting = await start([`TrustedUserCAKeys ${authority.path}.pub`]);
      const words = ["-q", "-s", authority.path, "-I", "x", "-n", trusting.user, `${other.path}.pub`];
      execFileSync(program("ssh-keygen"), words, { stdio: "ignore" });
      const certified = await twice(trusting, { identityFiles: [other.path] });
      assert.deepEqual(certified.early, { what: GOOD, rounds: 3, connections: 1 });
    });

    test("falls back within the connection when the key was removed, with the plain way's messages", async () => {
      await using own = await start([]);
      const [one, other] = [newKey(), newKey()];
      const values = { identityFiles: [one.path, other.path] };
      admit([one], own);
      const history = new Memory();
      assert.equal((await run(own, values, history)).what, GOOD);
      admit([other], own);
      const second = await run(own, values, history);
      assert.deepEqual([second.what, second.connections], [GOOD, 1]);
      assert.deepEqual(history.take(), ["remember", "forget", "remember"]);
      assert.deepEqual(await run(own, values, history), { what: GOOD, rounds: 3, connections: 1 });
      admit([], own);
      const { known } = history;
      const refused = await run(own, values, history);
      assert.equal(history.known, undefined);
      const plain = await run(own, values);
      assert.equal(refused.what, plain.what);
      assert.match(plain.what, /not let in \(tried .*, ssh-ed25519 .*; the server takes publickey\)/);
      assert.equal(refused.connections, 1);
      history.known = known;
      admit([one], own);
      assert.deepEqual((await run(own, values, history)).what, GOOD);
    });

    test("has the plain way's message when the server breaks off at the first refusal", async () => {
      await using own = await start(["MaxAuthTries 1"]);
      const { history } = await twice(own);
      admit([], own);
      const plain = await run(own, {});
      assert.equal((await run(own, {}, history)).what, plain.what);
      assert.match(plain.what, /Too many authentication failures/);
      assert.deepEqual(history.take(), ["forget"]);
    });

    test("has the plain way's message where no session may be opened, and is not tried again", async () => {
      await using own = await start(["MaxSessions 0"]);
      const { plain, early, history } = await twice(own);
      assert.match(plain.what, /^the server opens no session: /);
      assert.equal(early.what, plain.what);
      assert.deepEqual(history.take(), ["avoid"]);
    });

    test("runs a forced command, and shows a banner", async () => {
      const banner = join(folder, `banner${++count}`);
      writeFileSync(banner, "be good\n");
      await using own = await start([`Banner ${banner}`], { keyOptions: 'command="echo forced; cat"' });
      const { early } = await twice(own);
      assert.deepEqual(early, { what: GOOD.replace("hello", "forced"), rounds: 3, connections: 1 });
    });

    test("bears that the keys are renewed at once", async () => {
      await using own = await start(["RekeyLimit 1K"]);
      const line = "head -c 100000 /dev/zero | tr '\\0' x | wc -c";
      const { early } = await twice(own, {}, line);
      assert.equal(early.what, '100000 {"kind":"status","status":0}');
      assert.equal(early.connections, 1);
    });

    test("is not tried when more was asked for than one key", async () => {
      await using own = await start(["AuthenticationMethods publickey,publickey"]);
      const other = newKey();
      admit([other, { type: "ed25519", path: own.identity, line: lineOf(own) }], own);
      const history = new Memory();
      const values = { identityFiles: [own.identity, other.path] };
      assert.equal((await run(own, values, history)).what, GOOD);
      assert.deepEqual(history.take(), []);
    });

    test("is not tried with compression, nor with other keys than then, nor on another version", async () => {
      const { history } = await twice(sshd);
      const { known } = history;
      const plain = { what: GOOD, rounds: 7, connections: 1 };
      assert.deepEqual(await run(sshd, { compression: true }, history), plain);
      const before = { identityFiles: [newKey().path, sshd.identity] };
      assert.equal((await run(sshd, before, history)).rounds, 8);
      history.known = known && { ...known, version: "SSH-2.0-other" };
      assert.deepEqual(await run(sshd, {}, history), plain);
    });
  });
}

function lineOf({ identity }: Server): string {
  return execFileSync(program("ssh-keygen"), ["-y", "-f", identity], { encoding: "utf8" }).trim();
}

describe("an early login on dropbear", { skip: skipWithoutDropbear() }, () => {
  let dropbear: Dropbear;
  before(async () => {
    dropbear = await startDropbear();
  });
  after(() => dropbear?.[Symbol.asyncDispose]());

  test("takes three round trips", async () => {
    const { early, plain } = await twice(dropbear);
    assert.deepEqual(early, { what: GOOD, rounds: 3, connections: 1 });
    assert.equal(plain.rounds <= 7, true);
  });

  test("comes to the plain way's result when the key was removed, or replaced", async () => {
    const [one, other] = [newKey(), newKey()];
    const values = { identityFiles: [one.path, other.path] };
    dropbear.admit([one]);
    const { history } = await twice(dropbear, values);
    dropbear.admit([other]);
    const second = await run(dropbear, values, history);
    assert.equal(second.what, GOOD);
    assert.equal((await run(dropbear, values, history)).rounds, 3);
    dropbear.admit([]);
    const plain = await run(dropbear, values);
    assert.equal((await run(dropbear, values, history)).what, plain.what);
  });
});
