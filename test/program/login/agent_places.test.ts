import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { wire } from "../../../src/ssh/keys/blob.ts";
import { startAgent } from "../../peers/agent.ts";
import { describeForms } from "../../peers/binaries.ts";
import { type Home, makeHome, tableFor } from "../../peers/home.ts";
import { makeKey } from "../../peers/keys.ts";
import { type Sshd, startSshd } from "../../peers/sshd.ts";
import { makeTemporary, removeTemporary } from "../../peers/temporary.ts";
import { converse, GREETING, MAIL } from "../calls/client.ts";

/** Where an agent is found: lines of ssh_config, and the environment in which they lead to `socket`. */
function places(socket: string) {
  const unused = { SSH_AUTH_SOCK: "/nowhere" };
  return [
    { lines: "", env: { SSH_AUTH_SOCK: socket } },
    { lines: "Host *\n IdentityAgent $OTHER\n", env: { ...unused, OTHER: socket } },
    { lines: `Host *\n IdentityAgent ${socket}\n`, env: unused },
  ];
}

describeForms("the hints about an agent", (form) => {
  const folder = makeTemporary();
  const key = makeKey(join(folder, "locked"), "ed25519", "secret");
  let sshd: Sshd;
  before(async () => {
    sshd = await startSshd({ authorized: [key.line] });
  });
  after(async () => {
    await sshd.stop();
    removeTemporary(folder);
  });

  const homeWith = (lines: string): Home => {
    const home = makeHome();
    home.writeTable(
      tableFor(sshd, {
        ...{ identity: key.path, on_failure: "tell", ssh_config: home.write("ssh_config", lines) },
        "commands.imap": `cat '${home.write("said", GREETING)}'`,
      }),
    );
    return home;
  };
  const say = async (words: readonly string[], home: Home, env: Record<string, string>) => {
    const asking = {
      SSH_ASKPASS: home.write("askpass", "#!/bin/sh\necho secret\n", 0o700),
      SSH_ASKPASS_REQUIRE: "force",
    };
    const { output } = await converse(words, { env: { ...home.env, ...asking, ...env } });
    return String(output);
  };
  const call = [...form.argv, ...MAIL];
  /** The call behind a line that is typed into a shell. */
  const behind = (line: string) => ["/bin/sh", "-c", `${line}; "$@"`, "sh", ...call];

  test("have a key added to the agent that is asked, wherever ssh_config has it from", async () => {
    for (const index of places("").keys()) {
      await using agent = await startAgent();
      const { lines = "", env = {} } = places(agent.socket)[index] ?? {};
      using home = homeWith(lines);
      assert.match(await say(call, home, env), /locked is encrypted/);
      const [, line = ""] = /hint: add the key to an agent: (.*)/.exec(home.log()) ?? [];
      const said = await say(behind(line), home, env);
      assert.ok(said.includes(GREETING), `${line}: ${said}`);
    }
  });

  test("have a security key added to the agent that is asked", async () => {
    const [type, point] = ["sk-ssh-ed25519@openssh.com", Buffer.alloc(32, 1)];
    const one = Buffer.from([0, 0, 0, 1]);
    const parts = [
      "openssh-key-v1\0",
      wire("none", "none", ""),
      one,
      wire(wire(type, point, "ssh:"), "secret"),
    ];
    const body = Buffer.concat(parts.map((part) => Buffer.from(part))).toString("base64");
    const file = `-----BEGIN OPENSSH PRIVATE KEY-----\n${body}\n-----END OPENSSH PRIVATE KEY-----\n`;
    const starts = ["ssh-add", 'SSH_AUTH_SOCK="$OTHER" ssh-add', "SSH_AUTH_SOCK=/nowhere/agent ssh-add"];
    for (const [index, { lines, env }] of places("/nowhere/agent").entries()) {
      using home = homeWith(lines);
      const sk = home.write("sk", file);
      home.writeTable(readFileSync(home.tableFile, "utf8").replace(key.path, sk));
      assert.match(await say(call, home, env), /sk needs its security key/);
      const hint = `use the security key through an agent: ${starts[index]} ${sk}`;
      assert.ok(home.log().includes(`hint: ${hint}\n`), `${hint}: ${home.log()}`);
    }
  });

  test("have another agent started where the variable names one that is gone", async () => {
    for (const { lines, env } of places(join(folder, "gone"))) {
      using home = homeWith(lines);
      assert.match(await say(call, home, env), /the agent is gone: there is no \S+\/gone/);
      const [, line] = /hint: start an agent, and the mail client after it: (.*)/.exec(home.log()) ?? [];
      if (line === undefined) {
        assert.match(home.log(), /hint: start the agent that IdentityAgent of ssh_config names, or leave/);
        assert.match(lines, /gone/);
        continue;
      }
      const whole = `trap 'ssh-agent -k >/dev/null' EXIT; ${line} -q '${key.path}'`;
      const said = await say(behind(whole), home, env);
      assert.ok(said.includes(GREETING), `${line}: ${said}`);
    }
  });

  test("have IdentityAgent left out where it names none", async () => {
    using home = homeWith("Host *\n IdentityAgent none\n");
    assert.match(await say(call, home, {}), /locked is encrypted/);
    assert.match(home.log(), /hint: leave IdentityAgent out of ssh_config for this host$/m);
    assert.doesNotMatch(home.log(), /start an agent/);
  });
});
