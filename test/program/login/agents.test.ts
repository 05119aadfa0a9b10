import assert from "node:assert/strict";
import { appendFileSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { wire } from "../../../src/ssh/keys/blob.ts";
import { startAgent } from "../../peers/agent.ts";
import { FAILURE, startAgentServer } from "../../peers/agent_server.ts";
import { describeForms } from "../../peers/binaries.ts";
import { type Home, makeHome, tableFor } from "../../peers/home.ts";
import { startSecurityKeyAgent } from "../../peers/sk_agent.ts";
import { type Sshd, startSshd } from "../../peers/sshd.ts";
import { poll } from "../../peers/waiting.ts";
import { converse, GREETING, MAIL } from "../calls/client.ts";

describeForms("an agent of a mail call", (form) => {
  let sshd: Sshd;
  let home: Home;
  before(async () => {
    sshd = await startSshd();
    home = makeHome();
  });
  after(async () => {
    await sshd.stop();
    home[Symbol.dispose]();
  });

  const write = (keys: Record<string, string> = {}) =>
    home.writeTable(
      tableFor(sshd, {
        ...{ identity: `${sshd.identity}.pub`, on_failure: "tell", deadline: "3s" },
        ...{ "commands.imap": `cat '${home.write("said", GREETING)}'` },
        ...keys,
      }),
    );
  const say = async (agent: string, env: Record<string, string> = {}) => {
    const { output } = await converse([...form.argv, ...MAIL], {
      env: { ...home.env, SSH_AUTH_SOCK: agent, ...env },
    });
    return String(output);
  };

  test("opens the door with a key of which only the .pub is here", async () => {
    write();
    await using agent = await startAgent([sshd.identity]);
    assert.ok((await say(agent.socket)).startsWith(GREETING));
  });

  test("opens the door with a security key", async () => {
    await using agent = await startSecurityKeyAgent("sk-ssh-ed25519@openssh.com");
    appendFileSync(join(dirname(sshd.identity), "authorized_keys"), `${agent.line}\n`);
    write({ identity: home.write("sk.pub", `${agent.line}\n`) });
    assert.ok((await say(agent.socket)).startsWith(GREETING));
  });

  test("that hangs when it is asked for its keys ends with the deadline, and is named", async () => {
    write();
    await using agent = await startAgentServer(() => undefined);
    assert.match(await say(agent.socket), /timed out waiting for the agent at \S+\/agent after 3 s/);
    await poll(() => agent.connections() === 0, "the end of the agent's connections");
  });

  test("that hangs when it is to sign ends with the deadline, and says so", async () => {
    write();
    const blob = Buffer.from(readFileSync(`${sshd.identity}.pub`, "utf8").split(" ")[1] ?? "", "base64");
    const list = Buffer.concat([Buffer.from([12, 0, 0, 0, 1]), wire(blob, "test")]);
    const answers: Readonly<Record<number, Buffer>> = { 11: list, 27: FAILURE };
    await using agent = await startAgentServer(([type = 0]) => answers[type]);
    assert.match(await say(agent.socket), /timed out waiting for the agent to sign after 3 s/);
  });

  test("that is gone is named, with the old tmux that it is from", async () => {
    write();
    const said = await say(join(home.path, "gone"), { TMUX: "/tmp/tmux-0/default,1,0" });
    assert.match(
      said,
      /the agent is gone: there is no \S+\/gone \(SSH_AUTH_SOCK was left by an earlier login/,
    );
    assert.match(said, /kept by tmux/);
    assert.match(home.log(), /hint: take the new one.*tmux show-environment -s SSH_AUTH_SOCK/);
  });

  test("is found through IdentityAgent, whatever SSH_AUTH_SOCK says", async () => {
    await using agent = await startAgent([sshd.identity]);
    write({ ssh_config: home.write("agent_config", `Host *\n IdentityAgent ${agent.socket}\n`) });
    assert.ok((await say("/nowhere")).startsWith(GREETING));
  });
});
