import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { type Agent, startAgent } from "../../peers/agent.ts";
import { describeForms } from "../../peers/binaries.ts";
import { type Home, makeHome, tableFor } from "../../peers/home.ts";
import { program } from "../../peers/programs.ts";
import { type Sshd, startSshd } from "../../peers/sshd.ts";
import { makeTemporary, removeTemporary } from "../../peers/temporary.ts";
import { poll } from "../../peers/waiting.ts";
import { converse, MAIL } from "../calls/client.ts";
import { openWatched } from "./watched.ts";

const DEADLINE_MS = 2000;

let sshd: Sshd;
before(async () => {
  sshd = await startSshd();
});
after(() => sshd.stop());

/** An agent that asks before each use of the key, somewhere else than on the terminal of the login. */
async function askingAgent(): Promise<
  Agent & { readonly asked: () => Promise<unknown>; readonly allow: () => void }
> {
  const folder = makeTemporary();
  const [asked, allowed, askpass] = ["asked", "allowed", "askpass"].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  // Nobody else ends it: at the end of a test its directory may go before it has looked.
  const script = `#!/bin/sh\n: > '${asked}'\nwhile [ -d '${folder}' ] && ! [ -e '${allowed}' ]; do sleep 0.1; done\n`;
  writeFileSync(askpass, script, { mode: 0o755 });
  const agent = await startAgent([], { SSH_ASKPASS: askpass, SSH_ASKPASS_REQUIRE: "force", DISPLAY: ":0" });
  execFileSync(program("ssh-add"), ["-q", "-c", sshd.identity], {
    env: { ...process.env, SSH_AUTH_SOCK: agent.socket },
    stdio: "ignore",
  });
  return {
    ...agent,
    asked: () => poll(() => existsSync(asked), "the agent's question"),
    allow: () => writeFileSync(allowed, ""),
    [Symbol.asyncDispose]: async () => {
      writeFileSync(allowed, "");
      await agent[Symbol.asyncDispose]();
      removeTemporary(folder);
    },
  };
}

describeForms("an agent that asks whether a key may be used", { concurrency: 2 }, (form) => {
  const homeFor = (share: boolean): Home => {
    const home = makeHome();
    const keys = { identity: `${sshd.identity}.pub`, deadline: `${DEADLINE_MS}ms`, share };
    home.writeTable(tableFor(sshd, { ...keys, on_failure: "tell" }));
    return home;
  };
  const login = [...form.argv, "--login", "mail.test"];

  for (const share of [false, true]) {
    test(`is waited for by --login, however long the user takes: share = ${share}`, async () => {
      using home = homeFor(share);
      await using agent = await askingAgent();
      await using terminal = await openWatched(login, home, { ...home.env, SSH_AUTH_SOCK: agent.socket });
      await agent.asked();
      await pause(DEADLINE_MS + 500);
      agent.allow();
      await terminal.waitFor(/^logged in to mail\.test|^the connection is kept/m, "the login");
    });

    test(`is left with a Ctrl-C meanwhile: share = ${share}`, async () => {
      using home = homeFor(share);
      await using agent = await askingAgent();
      await using terminal = await openWatched(login, home, { ...home.env, SSH_AUTH_SOCK: agent.socket });
      await agent.asked();
      terminal.keys("C-c");
      assert.equal(await terminal.ended(), 130);
    });
  }

  test("is not waited for by a mail call, which leads to --login", async () => {
    using home = homeFor(false);
    await using agent = await askingAgent();
    const env = { ...home.env, SSH_AUTH_SOCK: agent.socket };
    assert.match(
      String((await converse([...form.argv, ...MAIL], { env })).output),
      /timed out waiting for the agent to sign after 2 s/,
    );
    assert.match(home.log(), /hint: let the key be used in time, or .*: preauth --login mail\.test$/m);
  });
});
