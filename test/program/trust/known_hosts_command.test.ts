import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { describeForms } from "../../peers/binaries.ts";
import { type Home, makeHome, tableFor } from "../../peers/home.ts";
import { hostKeyName } from "../../peers/keys.ts";
import { program } from "../../peers/programs.ts";
import { type Sshd, startSshd } from "../../peers/sshd.ts";
import { converse, GREETING, MAIL } from "../calls/client.ts";

let sshd: Sshd;
before(async () => {
  sshd = await startSshd();
});
after(() => sshd.stop());

/** Notes its words, and prints a line at one of the two runs. */
function commandOf(home: Home, run: string, line: string): string {
  const script = `#!/bin/sh\necho "$*" >> '${home.path}/runs'\ntest "$1" != ${run} || echo '${line}'\n`;
  return `${home.write(`keys-${run}`, script, 0o755)} %I %H %t %f %K`;
}

/** The words of each run. */
function runsOf(home: Home): readonly string[] {
  const file = join(home.path, "runs");
  const runs = readFileSync(file, "utf8").trimEnd().split("\n");
  rmSync(file);
  return runs;
}

describeForms("a KnownHostsCommand that is to see the server's key", (form) => {
  const trusting = () => `${hostKeyName(sshd.host, sshd.port)} ${sshd.hostKeys[0]?.line}`;

  const configFor = (home: Home, run: string, line: string): string => {
    const lines = [
      `KnownHostsCommand ${commandOf(home, run, line)}`,
      "UserKnownHostsFile /dev/null",
      "GlobalKnownHostsFile /dev/null",
    ];
    return home.write("ssh_config", `${lines.join("\n")}\n`);
  };

  const call = async (home: Home, config: string, share: boolean) => {
    const keys = { ssh_config: config, known_hosts: undefined, on_failure: "tell", share } as const;
    home.writeTable(tableFor(sshd, { ...keys, "commands.imap": `cat '${home.write("said", GREETING)}'` }));
    return String((await converse([...form.argv, ...MAIL], { env: home.env })).output);
  };

  test("is run as ssh runs it: before there is a key, and about it", async () => {
    using home = makeHome();
    const config = configFor(home, "HOSTNAME", trusting());
    const { port, host, user, identity } = sshd;
    const words = ["-F", config, "-p", String(port), "-i", identity, `${user}@${host}`, "true"];
    execFileSync(program("ssh"), words, { stdio: "ignore" });
    const ofSsh = runsOf(home);
    assert.equal(ofSsh.length, 2);
    for (const share of [false, true]) {
      // The second is an early one where the first has been remembered.
      for (let count = 0; count < 2; count++) assert.match(await call(home, config, share), /PREAUTH/);
      const ours = runsOf(home);
      assert.deepEqual(ours[1], ofSsh[1]);
      // An ssh before 9.9 gives %H without the port at its first run.
      const withoutHost = (run: string | undefined) => run?.split(" ").toSpliced(1, 1);
      assert.deepEqual(withoutHost(ours[0]), withoutHost(ofSsh[0]));
    }
  });

  test("vouches for the key only when it is asked about it", async () => {
    using home = makeHome();
    assert.match(
      await call(home, configFor(home, "ORDER", trusting()), false),
      /NO preauth: mail\.test: host key unknown/,
    );
    assert.deepEqual(
      runsOf(home).map((run) => run.split(" ")[0]),
      ["ORDER", "HOSTNAME"],
    );
  });

  test("may fail before there is a key, as ssh does not run it then where HostKeyAlgorithms is set", async () => {
    using home = makeHome();
    const finding = home.write("finding", `#!/bin/sh\ngrep -- "$1.*$2" '${sshd.knownHosts}'\n`, 0o755);
    const config = home.write(
      "ssh_config",
      `HostKeyAlgorithms ssh-ed25519\nKnownHostsCommand ${finding} %t %K\nUserKnownHostsFile none\n`,
    );
    const { port, host, user, identity } = sshd;
    const words = ["-F", config, "-p", String(port), "-i", identity, `${user}@${host}`, "true"];
    execFileSync(program("ssh"), words, { stdio: "ignore" });
    assert.match(await call(home, config, false), /PREAUTH/);
    assert.match(
      home.log(),
      /KnownHostsCommand "\S+" ended with 1: ignored until the server has shown a key/,
    );
  });

  test("prints 40,000 lines, as ssh takes them", async () => {
    using home = makeHome();
    const others = Array.from({ length: 40_000 }, (_, n) => `host${n}.test ${sshd.hostKeys[0]?.line}\n`);
    const lines = home.write("lines", `${others.join("")}${readFileSync(sshd.knownHosts, "utf8")}`);
    const config = home.write("ssh_config", `KnownHostsCommand /bin/cat ${lines}\nUserKnownHostsFile none\n`);
    assert.match(await call(home, config, false), /PREAUTH/);
  });

  test("revokes the key then, or ends the call by failing", async () => {
    using home = makeHome();
    const revoking = `@revoked * ${sshd.hostKeys[0]?.line}`;
    assert.match(
      await call(home, configFor(home, "HOSTNAME", revoking), false),
      /NO preauth: mail\.test: host key revoked \(KnownHostsCommand:1 /,
    );
    const failing = home.write("failing", '#!/bin/sh\ntest "$1" = ORDER || exit 3\n', 0o755);
    const config = home.write("ssh_config", `KnownHostsCommand ${failing} %I\n`);
    assert.match(
      await call(home, config, false),
      /NO preauth: mail\.test: KnownHostsCommand "\S+" ended with 3/,
    );
  });
});
