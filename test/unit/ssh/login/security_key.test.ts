import assert from "node:assert/strict";
import { appendFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { startSecurityKeyAgent } from "../../../peers/sk_agent.ts";
import { startSshd } from "../../../peers/sshd.ts";
import { logIn, refusedLogin } from "../fixtures.ts";

for (const type of ["sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com"] as const) {
  test(`a security key (${type}) opens the door through the agent`, async () => {
    await using sshd = await startSshd();
    await using agent = await startSecurityKeyAgent(type);
    const values = { agent: agent.socket, identityFiles: [] };
    const { attempts } = await refusedLogin(sshd, values);
    assert.deepEqual(
      attempts.map((one) => [one.type, one.outcome]),
      [[type, "offered"]],
    );
    assert.equal(agent.signatures(), 0);
    appendFileSync(join(dirname(sshd.identity), "authorized_keys"), `${agent.line}\n`);
    const { outcome } = await logIn(sshd, values);
    assert.match(outcome, new RegExp(`^${type} SHA256:\\S+ from the agent$`));
    assert.equal(agent.signatures(), 1);
  });
}

test("who waits for the touch of a security key is told so", async () => {
  await using sshd = await startSshd();
  await using agent = await startSecurityKeyAgent("sk-ssh-ed25519@openssh.com");
  appendFileSync(join(dirname(sshd.identity), "authorized_keys"), `${agent.line}\n`);
  const { story } = await logIn(sshd, { agent: agent.socket, identityFiles: [] });
  assert.ok(story.doings.includes("waiting for the agent to sign (touch the security key)"));
});
