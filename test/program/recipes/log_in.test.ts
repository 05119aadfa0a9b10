import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { openAlpine, THREE_WORDS } from "../../peers/alpine.ts";
import { describeForms, type Form } from "../../peers/binaries.ts";
import { runCall } from "../../peers/call.ts";
import { type LoginServer, PASSWORD, startLoginServer } from "../../peers/login_server.ts";
import { program } from "../../peers/programs.ts";
import { openTerminal } from "../../peers/terminal.ts";
import { freePort } from "../../unit/forwards/fixtures.ts";
import { makeScene, type Scene } from "./recipe_home.ts";
import { type Replacements, recipe } from "./recipes.ts";

const TIMEOUT = { timeout: 60_000 };

/** The recipe, with a Dovecot on the server that lets nobody in without a password. */
async function loginScene(form: Form): Promise<{ scene: Scene; server: LoginServer } & AsyncDisposable> {
  const port = await freePort();
  const scene = await makeScene(form, "log-in", { "localhost:143": `127.0.0.1:${port}` });
  const server = await startLoginServer("imap", scene.mailbox, port);
  return {
    scene,
    server,
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]();
      await scene[Symbol.asyncDispose]();
    },
  };
}

describeForms("the recipe for mail programs that log in", (form) => {
  test("has mutt ask for the password, and open INBOX", TIMEOUT, async () => {
    await using on = await loginScene(form);
    const own = "set folder=~ spoolfile=~ quit=yes wait_key=no record='' postponed=''\n";
    const file = on.scene.home.write("muttrc", `${own}${recipe("log-in", "muttrc")}`);
    const words = [program("mutt"), "-n", "-F", file];
    await using mutt = await openTerminal(words, { env: on.scene.env, columns: 120 });
    await mutt.waitFor(/Password for jane@work/, "the question for the password");
    mutt.type(PASSWORD);
    mutt.keys("Enter");
    await mutt.waitFor(/Minutes of the meeting/, "the list of messages");
    mutt.keys("Enter");
    await mutt.waitFor(/came through an SSH connection/, "the first message");
    mutt.keys("q", "q");
    assert.equal(await mutt.ended(), 0);
    assert.equal(on.server.logins(), 1);
    assert.doesNotMatch(on.scene.sshd.log(), /Starting session/);
  });

  test("has mbsync copy INBOX with its password", TIMEOUT, async () => {
    await using on = await loginScene(form);
    const { home } = on.scene;
    const changes: Replacements = { "pass show work": `echo ${PASSWORD}`, "~/Mail": join(home.path, "Mail") };
    const file = home.write(".mbsyncrc", recipe("log-in", "mbsyncrc", changes));
    home.write("Mail/nothing", "");
    const words = [program("mbsync"), "-c", file, "work"];
    const { status, stderr } = await runCall(words, { env: on.scene.env, stdio: "pipes" });
    assert.equal(status, 0, stderr);
    const inbox = join(home.path, "Mail", "INBOX");
    assert.ok(existsSync(inbox));
    const messages = ["cur", "new"].flatMap((name) => readdirSync(join(inbox, name)));
    assert.equal(messages.length, 3);
    assert.equal(on.server.logins(), 1);
  });

  test("has Alpine told that the server wants a login", TIMEOUT, async () => {
    await using on = await loginScene(form);
    const { home, env, preauth } = on.scene;
    const lines = { rshPath: preauth, rshCommand: THREE_WORDS, inbox: "{work}INBOX" };
    await using alpine = await openAlpine({ ...home, env }, lines);
    await alpine.waitFor(/the IMAP server wants a login/, "the reason");
    assert.equal(on.server.logins(), 0);
  });
});
