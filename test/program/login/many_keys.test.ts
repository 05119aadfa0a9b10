import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type Agent, startAgent } from "../../peers/agent.ts";
import { describeForms } from "../../peers/binaries.ts";
import { runCall } from "../../peers/call.ts";
import { skipWithoutDropbear, startDropbear } from "../../peers/dropbear.ts";
import { type Home, makeHome, tableFor } from "../../peers/home.ts";
import { makeKey } from "../../peers/keys.ts";
import { program } from "../../peers/programs.ts";
import { recentSshd, skipWithoutRecentSshd } from "../../peers/recent_sshd.ts";
import { type Sshd, startSshd } from "../../peers/sshd.ts";
import { converse, GREETING, MAIL } from "../calls/client.ts";

const TOO_MANY = /^Disconnecting authenticating user/gm;

describeForms("a login with many keys", (form) => {
  let keys: readonly string[];
  let home: Home;
  before(() => {
    home = makeHome();
    keys = Array.from({ length: 7 }, (_, n) => makeKey(join(home.path, `other${n}`)).path);
  });
  after(() => home[Symbol.dispose]());

  type Server = Pick<Sshd, "host" | "port" | "user" | "identity" | "knownHosts">;
  const write = (sshd: Server) =>
    home.writeTable(
      tableFor(sshd, {
        identity: undefined,
        ssh_config: home.write("ssh_config", `Host *\n IdentityFile ${home.path}/nothing\n`),
        on_failure: "tell",
        "commands.imap": `cat '${home.write("said", GREETING)}'`,
      }),
    );
  const envOf = (agent: Agent) => ({ ...home.env, SSH_AUTH_SOCK: agent.socket });
  const call = async (agent: Agent) =>
    String((await converse([...form.argv, ...MAIL], { env: envOf(agent) })).output);
  const check = async (agent: Agent) => {
    const { output } = await runCall([...form.argv, "--check", "mail.test"], { env: envOf(agent) });
    return String(output);
  };
  const ssh = (sshd: Server, agent: Agent) =>
    spawnSync(
      program("ssh"),
      [
        ...["-F", join(home.path, "ssh_config"), "-o", `UserKnownHostsFile=${sshd.knownHosts}`],
        ...["-o", "BatchMode=yes", "-p", String(sshd.port), `${sshd.user}@${sshd.host}`, "true"],
      ],
      { env: envOf(agent) },
    ).status;

  test("opens the door with the sixth, as ssh does, again and again", async () => {
    await using sshd = await startSshd();
    await using agent = await startAgent([...keys.slice(0, 5), sshd.identity]);
    write(sshd);
    assert.equal(ssh(sshd, agent), 0);
    for (let n = 0; n < 2; n++) assert.equal(await call(agent), GREETING);
    assert.doesNotMatch(sshd.log(), TOO_MANY);
  });

  test("opens the door with the ninth where the server bears as many, as ssh does", async () => {
    const ninth = [...keys, makeKey(join(home.path, "other7")).path];
    await using sshd = await startSshd({ config: ["MaxAuthTries 20"] });
    await using agent = await startAgent([...ninth, sshd.identity]);
    write(sshd);
    assert.equal(ssh(sshd, agent), 0);
    for (let n = 0; n < 2; n++) assert.equal(await call(agent), GREETING);
  });

  test("opens a dropbear's door with the ninth, as ssh does", { skip: skipWithoutDropbear() }, async () => {
    const eighth = makeKey(join(home.path, "other8")).path;
    await using dropbear = await startDropbear();
    await using agent = await startAgent([...keys, eighth, dropbear.identity]);
    write(dropbear);
    assert.equal(ssh(dropbear, agent), 0);
    for (let n = 0; n < 2; n++) assert.equal(await call(agent), GREETING);
  });

  for (const [title, config, most] of [
    ["as sshd is configured by default", [], 6],
    ["with MaxAuthTries 3", ["MaxAuthTries 3"], 3],
  ] as const) {
    test(`makes the server break off once, and then offers one key less: ${title}`, async () => {
      await using sshd = await startSshd({ config });
      await using agent = await startAgent([...keys, sshd.identity]);
      write(sshd);
      assert.match(await call(agent), /not let in \(the server says ".*Too many authentication failures"/);
      assert.match(home.log(), /hint: name one key for this server in the table/);
      const said = await check(agent);
      assert.match(
        said,
        new RegExp(`${7 - most + 2} more keys were not tried, since the server would end the login`),
      );
      await sshd.idle();
      assert.equal(sshd.log().match(TOO_MANY)?.length, 1);
      // Another key in the place of the last one is worth a try.
      const first = keys.slice(0, most - 1);
      await using mended = await startAgent([...first, sshd.identity]);
      assert.match(await check(mended), /^greeting .*ready$/m);
      assert.equal(ssh(sshd, agent), 255);
    });
  }

  test("never earns a penalty of the server's", { skip: skipWithoutRecentSshd() }, async () => {
    await using sshd = await startSshd({
      program: recentSshd(),
      config: ["PerSourcePenalties yes", "PerSourcePenaltyExemptList none"],
    });
    await using wrong = await startAgent(keys);
    await using right = await startAgent([...keys.slice(0, 5), sshd.identity]);
    write(sshd);
    for (let n = 0; n < 5; n++) assert.match(await call(wrong), /not let in/);
    for (let n = 0; n < 2; n++) assert.equal(await call(right), GREETING);
    // One failed login counts 5 s, which is below what it begins to mind (sshd_config(5), PerSourcePenalties, min).
    assert.equal(sshd.log().match(/deferred penalty/g)?.length, 1);
    assert.doesNotMatch(sshd.log(), /Not allowed at this time|activating|drop connection/i);
  });
});
