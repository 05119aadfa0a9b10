import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { AuthContext } from "ssh2";
import { type AskingServer, startAskingServer } from "../../peers/asking_server.ts";
import { describeForms } from "../../peers/binaries.ts";
import { runCall } from "../../peers/call.ts";
import { type Home, makeHome, tableFor } from "../../peers/home.ts";
import { makeKey } from "../../peers/keys.ts";
import { startSshd } from "../../peers/sshd.ts";
import { converse, GREETING, MAIL } from "../calls/client.ts";

/** Accepts any key, then wants `more`, in whatever order. */
function wanting(more: "password" | "keyboard-interactive" | "gssapi-with-mic") {
  return (attempt: AuthContext): void => {
    if (attempt.method === "publickey") {
      if (attempt.signature === undefined) attempt.accept();
      else attempt.reject([more as "password"], true);
    } else if (attempt.method === "password" && attempt.password === "secret") attempt.accept();
    else attempt.reject(["publickey"]);
  };
}

describeForms("a login with more than one factor", (form) => {
  let home: Home;
  before(() => {
    home = makeHome();
  });
  after(() => home[Symbol.dispose]());

  const call = async () => converse([...form.argv, ...MAIL], { env: home.env });

  test("says what was accepted and what is still wanted, and names --login: sshd's publickey,password", async () => {
    await using sshd = await startSshd({
      config: ["AuthenticationMethods publickey,password", "PasswordAuthentication yes"],
    });
    home.writeTable(tableFor(sshd, { on_failure: "tell" }));
    for (let n = 0; n < 2; n++) {
      const { output, status } = await call();
      assert.match(
        String(output),
        /^\* NO preauth: mail\.test: the server wants password as well: \S+ not let in \(it has accepted ssh-ed25519 SHA256:\S+ from \S+\/id/,
      );
      assert.equal(status, 77);
    }
    assert.match(home.log(), /hint: log in on a terminal, where preauth can ask: preauth --login mail\.test/);
    assert.doesNotMatch(home.log(), /public keys to be allowed|authorized_keys/);
  });

  test("takes a second key where two are wanted, also one that came first and was not the first", async () => {
    const second = makeKey(`${home.path}/second`);
    await using sshd = await startSshd({
      config: ["AuthenticationMethods publickey,publickey"],
      authorized: [second.line],
    });
    const command = { "commands.imap": `cat '${home.write("said", GREETING)}'` };
    home.writeTable(tableFor(sshd, { on_failure: "tell", ...command }));
    assert.match(
      String((await call()).output),
      /the server wants another key as well: \S+ not let in \(it has acc/,
    );
    assert.match(home.log(), /hint: the server wants another key: make one/);
    home.writeTable(
      `${tableFor(sshd, { identity: undefined, ...command })}identity = ["${sshd.identity}", "${second.path}"]\n`,
    );
    for (let n = 0; n < 2; n++) assert.equal(String((await call()).output), GREETING);
  });

  test("names a way in that there is not", async () => {
    await using server: AskingServer = await startAskingServer(wanting("gssapi-with-mic"));
    home.writeTable(tableFor(server, { on_failure: "tell" }));
    assert.match(String((await call()).output), /the server wants gssapi-with-mic as well/);
    const { output } = await runCall([...form.argv, "--check", "mail.test"], { env: home.env });
    assert.match(String(output), /hint: GSSAPI and host-based logins are not built in \(doc\/ssh\.md\)/);
  });

  test("names a few of thousands of methods, and a long farewell in part", async () => {
    const names = Array.from({ length: 5000 }, (_, n) => `method-${n}@example.org`);
    await using server = await startAskingServer((attempt) => attempt.reject(names as "password"[]));
    home.writeTable(tableFor(server, { on_failure: "tell" }));
    const said = String((await call()).output);
    assert.match(said, /the server takes method-0@example\.org, .*, 4992 more\)\r\n$/);
    assert.ok(said.length < 450);
    assert.ok(home.log().length < 20_000);
  });
});
