import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { startAgent } from "../../peers/agent.ts";
import { describeForms } from "../../peers/binaries.ts";
import { type Home, makeHome, tableFor } from "../../peers/home.ts";
import { hostKeyName } from "../../peers/keys.ts";
import { program } from "../../peers/programs.ts";
import { type Sshd, startSshd } from "../../peers/sshd.ts";
import { converse, GREETING, MAIL } from "../calls/client.ts";

/** What doc/ssh.md says is never done, or left to the table, whatever ssh_config says. */
type Deed =
  | "sends a variable"
  | "asks for a terminal"
  | "runs a local command"
  | "learns a host key"
  | "adds a key to the agent"
  | "forwards the agent"
  | "shares by a socket of ssh's";

const ALL: readonly Deed[] = [
  ...["sends a variable", "asks for a terminal", "runs a local command", "learns a host key"],
  ...["adds a key to the agent", "forwards the agent", "shares by a socket of ssh's"],
] as readonly Deed[];

describeForms("what ssh_config asks for and a mail call never does", (form) => {
  let sshd: Sshd;
  before(async () => {
    sshd = await startSshd({ hostKeys: ["ed25519", "ecdsa"], config: ["AcceptEnv PREAUTH_*"] });
  });
  after(() => sshd.stop());

  /** One of its two host keys is known. */
  const setting = () => {
    const home = makeHome();
    const [key] = sshd.hostKeys;
    const known = home.write("known", `${hostKeyName(sshd.host, sshd.port)} ${key?.line}\n`);
    const config = home.write(
      "ssh_config",
      [
        "Host *",
        ...["SetEnv PREAUTH_SET=x", "RequestTTY force", "UpdateHostKeys yes", "AddKeysToAgent yes"],
        ...["ForwardAgent yes", "ControlMaster yes", `ControlPath ${home.path}/control`],
        ...["PermitLocalCommand yes", `LocalCommand touch ${home.path}/ran`],
        `UserKnownHostsFile ${known}`,
      ].join("\n "),
    );
    home.write("said", GREETING);
    return { home, known, config };
  };
  /** What the server runs: it writes down what it sees, and gives updates of keys and forwards their time. */
  const command = ({ path }: Home) =>
    `(env; tty; ls ${path}/control) >'${path}/seen' 2>&1; sleep 0.3; cat '${path}/said'`;

  const deedsIn = ({ path }: Home, known: string, agent: string): readonly Deed[] => {
    const seen = readFileSync(join(path, "seen"), "utf8");
    const list = execFileSync("/bin/sh", ["-c", `${program("ssh-add")} -l || true`], {
      env: { ...process.env, SSH_AUTH_SOCK: agent },
      encoding: "utf8",
    });
    const done: Readonly<Record<Deed, boolean>> = {
      "sends a variable": /^PREAUTH_SET=x/m.test(seen),
      "asks for a terminal": /^\/dev\/(pts|tty)/m.test(seen),
      "runs a local command": existsSync(join(path, "ran")),
      "learns a host key": readFileSync(known, "utf8").trim().includes("\n"),
      "adds a key to the agent": /ED25519/.test(list),
      "forwards the agent": /^SSH_AUTH_SOCK=/m.test(seen),
      "shares by a socket of ssh's": new RegExp(`^${path}/control\\s*$`, "m").test(seen),
    };
    return ALL.filter((deed) => done[deed]);
  };

  test("is done by ssh, all of it", async () => {
    const { home: made, known, config } = setting();
    using home = made;
    await using agent = await startAgent();
    const words = ["-F", config, "-i", sshd.identity, "-p", String(sshd.port), `${sshd.user}@${sshd.host}`];
    execFileSync(program("ssh"), [...words, command(home)], {
      env: { ...process.env, SSH_AUTH_SOCK: agent.socket },
      stdio: "ignore",
    });
    assert.deepEqual(deedsIn(home, known, agent.socket), ALL);
  });

  test("is not done", async () => {
    const { home: made, known, config } = setting();
    using home = made;
    await using agent = await startAgent();
    home.writeTable(
      tableFor(sshd, { ssh_config: config, known_hosts: undefined, "commands.imap": command(home) }),
    );
    const { output } = await converse([...form.argv, ...MAIL], {
      env: { ...home.env, SSH_AUTH_SOCK: agent.socket },
    });
    assert.ok(String(output).startsWith(GREETING), String(output));
    assert.deepEqual(deedsIn(home, known, agent.socket), []);
  });

  test("is to trust a key that nobody knows", async () => {
    for (const lines of [
      "StrictHostKeyChecking no",
      "StrictHostKeyChecking accept-new",
      "VerifyHostKeyDNS yes",
    ]) {
      using home = makeHome();
      const [known, said] = [home.write("known", ""), home.write("said", GREETING)];
      const more = `NoHostAuthenticationForLocalhost yes\n UserKnownHostsFile ${known}`;
      home.writeTable(
        tableFor(sshd, {
          ...{ known_hosts: undefined, on_failure: "tell", "commands.imap": `cat '${said}'` },
          ssh_config: home.write("ssh_config", `Host *\n ${lines}\n ${more}\n`),
        }),
      );
      const { output, status } = await converse([...form.argv, ...MAIL], { env: home.env });
      assert.match(String(output), /host key unknown/, lines);
      assert.deepEqual([status, readFileSync(known, "utf8")], [77, ""]);
    }
  });
});
