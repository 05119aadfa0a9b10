import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { startAgent } from "../../peers/agent.ts";
import { describeForms } from "../../peers/binaries.ts";
import { runCall } from "../../peers/call.ts";
import { makeMailbox } from "../../peers/dovecot.ts";
import { skipWithoutDropbear, startDropbear } from "../../peers/dropbear.ts";
import { type Home, type HostLines, makeHome } from "../../peers/home.ts";
import { type Key, makeKey } from "../../peers/keys.ts";
import { program } from "../../peers/programs.ts";
import { recentSshd, skipWithoutRecentSshd } from "../../peers/recent_sshd.ts";
import { type RoundProxy, startRoundProxy } from "../../peers/rounds.ts";
import { type SshdOptions, startSshd } from "../../peers/sshd.ts";
import { makeTemporary, removeTemporary } from "../../peers/temporary.ts";
import { startEarlyServer } from "../../unit/ssh/login/early_server.ts";
import { refusal } from "./client.ts";
import { roundsOf, type Server, settle } from "./counted.ts";

const folder = makeTemporary();
after(() => removeTemporary(folder));
let count = 0;
const newKey = (): Key => makeKey(join(folder, `key${++count}`));

/** A server whose keys can be changed. */
interface Gate extends Server, AsyncDisposable {
  admit(keys: readonly Key[]): void;
}

async function startGate(options: SshdOptions): Promise<Gate> {
  const sshd = await startSshd(options);
  const file = join(dirname(sshd.identity), "authorized_keys");
  const { host, port, user, identity, knownHosts } = sshd;
  return {
    ...{ host, port, user, identity, knownHosts },
    admit: (keys) => writeFileSync(file, keys.map(({ line }) => `${line}\n`).join("")),
    [Symbol.asyncDispose]: () => sshd.stop(),
  };
}

interface Kind {
  readonly title: string;
  readonly skip: string | false;
  /** Undefined where its sshd_config cannot be given. */
  readonly start: (options?: SshdOptions) => Promise<Gate>;
  readonly isOpenSsh: boolean;
}

const kinds: readonly Kind[] = [
  { title: "the system's sshd", skip: false, start: (options = {}) => startGate(options), isOpenSsh: true },
  {
    title: "an sshd of OpenSSH 10",
    skip: skipWithoutRecentSshd(),
    start: (options = {}) => startGate({ ...options, program: recentSshd() }),
    isOpenSsh: true,
  },
  { title: "dropbear", skip: skipWithoutDropbear(), start: () => startDropbear(), isOpenSsh: false },
];

/** What the client is told when the call cannot be had. */
async function refused(argv: readonly string[], home: Home): Promise<readonly [string, number | null]> {
  const words = [...argv, "mail.test", "jane", "imap"];
  const { output, status } = await runCall(words, { env: home.env, input: "A7 NOOP\r\n" });
  return [output.toString(), status];
}

for (const { title, skip, start, isOpenSsh } of kinds) {
  const onOpenSsh = { skip: skip === false && !isOpenSsh ? "it has no such thing" : skip };

  describeForms(`a login that leaves in one flight for ${title}`, (form) => {
    interface Stage {
      readonly home: Home;
      readonly proxy: RoundProxy;
      readonly rounds: (env?: Readonly<Record<string, string>>) => Promise<number>;
    }

    /** Does something with a mailbox there, and a home that has not logged in yet. */
    async function stage(gate: Gate, keys: HostLines, act: (stage: Stage) => Promise<void>): Promise<void> {
      using home = makeHome();
      using mailbox = makeMailbox();
      await using proxy = await startRoundProxy(gate);
      settle(home, gate, proxy, { "commands.imap": mailbox.command, ...keys });
      await act({ home, proxy, rounds: (env) => roundsOf(form, home, proxy, { ...home.env, ...env }) });
    }

    test("has the second key where the first is not taken, and an agent's", { skip }, async () => {
      await using gate = await start();
      await stage(gate, { identity: [newKey().path, gate.identity] }, async ({ rounds }) => {
        assert.ok((await rounds()) > 3);
        assert.equal(await rounds(), 3);
      });
      await using agent = await startAgent([newKey().path, gate.identity]);
      await stage(gate, { identity: undefined }, async ({ rounds }) => {
        await rounds({ SSH_AUTH_SOCK: agent.socket });
        assert.equal(await rounds({ SSH_AUTH_SOCK: agent.socket }), 3);
      });
    });

    const where = isOpenSsh ? "within the connection" : "within a second connection";
    test(`has the next key when one was removed, ${where}`, { skip }, async () => {
      await using gate = await start();
      const [one, other] = [newKey(), newKey()];
      gate.admit([one]);
      await stage(gate, { identity: [one.path, other.path] }, async ({ rounds, proxy }) => {
        await rounds();
        assert.equal(await rounds(), 3);
        gate.admit([other]);
        const before = proxy.connections;
        assert.ok((await rounds()) > 3);
        // Dropbear ends the connection at a session that is asked for before the login.
        assert.equal(proxy.connections, before + (isOpenSsh ? 1 : 2));
        assert.equal(await rounds(), 3);
      });
    });

    test("has the plain way's words when no key is left", { skip }, async () => {
      await using gate = await start();
      const key = newKey();
      gate.admit([key]);
      await stage(gate, { identity: [key.path] }, async ({ home, rounds }) => {
        await rounds();
        gate.admit([]);
        const early = await refused(form.argv, home);
        await stage(gate, { identity: [key.path] }, async (plain) => {
          assert.deepEqual(early, await refused(form.argv, plain.home));
        });
        assert.match(early[0], /not let in \(tried ssh-ed25519 SHA256:/);
        assert.equal(early[1], 77);
      });
    });

    test("has a certificate", onOpenSsh, async () => {
      const [authority, key] = [newKey(), newKey()];
      await using gate = await start({ config: [`TrustedUserCAKeys ${authority.path}.pub`] });
      const words = ["-q", "-s", authority.path, "-I", "x", "-n", gate.user, `${key.path}.pub`];
      execFileSync(program("ssh-keygen"), words, { stdio: "ignore" });
      await stage(gate, { identity: [key.path] }, async ({ rounds }) => {
        await rounds();
        assert.equal(await rounds(), 3);
      });
    });

    test("has the plain way's words where no session may be opened", onOpenSsh, async () => {
      await using gate = await start({ config: ["MaxSessions 0"] });
      await stage(gate, {}, async ({ home, proxy }) => {
        const words = [refusal('mail.test: the server opens no session: "open failed"'), 69];
        const rounds: number[] = [];
        for (const _ of [1, 2, 3]) {
          const before = proxy.connections;
          assert.deepEqual(await refused(form.argv, home), words);
          assert.equal(proxy.connections, before + 1);
          rounds.push(proxy.rounds);
        }
        assert.ok(rounds[0] === rounds[2] && Number(rounds[1]) < Number(rounds[0]), `${rounds}`);
      });
    });

    test("has a forced command run", { skip }, async () => {
      await using gate = await start();
      const key = newKey();
      using mailbox = makeMailbox();
      gate.admit([{ ...key, line: `command="${mailbox.command.replaceAll('"', '\\"')}" ${key.line}` }]);
      await stage(gate, { identity: [key.path], "commands.imap": "exit 9" }, async ({ rounds }) => {
        await rounds();
        assert.equal(await rounds(), 3);
      });
    });
  });
}

describeForms("a login that leaves in one flight for a server whose first channel is not 0", (form) => {
  for (const isStrict of [true, false]) {
    test(`has the same result, ${isStrict ? "though it hangs up: it is called again, once" : "where it does not mind"}`, async () => {
      await using server = await startEarlyServer({ firstChannel: 3, isStrict });
      using home = makeHome();
      await using proxy = await startRoundProxy(server);
      settle(home, server, proxy, { "commands.pop3": "x" });
      const call = async (): Promise<number> => {
        const before = proxy.connections;
        const words = [...form.argv, "mail.test", "jane", "pop3"];
        const { output, status } = await runCall(words, { env: home.env, input: "" });
        assert.deepEqual([output.toString(), status], ["hello\n", 0]);
        return proxy.connections - before;
      };
      assert.deepEqual([await call(), await call(), await call()], [1, isStrict ? 2 : 1, 1]);
    });
  }
});
