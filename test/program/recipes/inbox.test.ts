import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { Status } from "../../../src/control/protocol.ts";
import { startActivated } from "../../peers/activation.ts";
import { describeForms, type Form, forms } from "../../peers/binaries.ts";
import { type Finished, runCall } from "../../peers/call.ts";
import { imapClient } from "../../peers/imap_client.ts";
import { PASSWORD, startLoginServer } from "../../peers/login_server.ts";
import { program } from "../../peers/programs.ts";
import { startThunderbird } from "../../peers/thunderbird.ts";
import { poll } from "../../peers/waiting.ts";
import { freePort } from "../../unit/forwards/fixtures.ts";
import { makeScene, type Scene } from "./recipe_home.ts";
import { recipe } from "./recipes.ts";

const TIMEOUT = { timeout: 60_000 };

/** The recipe with its port up. */
async function inboxScene(form: Form): Promise<{ scene: Scene; port: number } & AsyncDisposable> {
  const port = await freePort();
  const scene = await makeScene(form, "inbox-port", { 1143: port });
  await succeeds(scene, recipe("inbox-port", "up"));
  return { scene, port, [Symbol.asyncDispose]: () => scene[Symbol.asyncDispose]() };
}

/** Has a shell run lines of the document. */
function run(scene: Scene, lines: string): Promise<Finished> {
  return runCall(["/bin/sh", "-c", lines], { env: scene.env, stdio: "pipes", cwd: scene.home.path });
}

async function succeeds(scene: Scene, lines: string): Promise<string> {
  const { status, output, stderr } = await run(scene, lines);
  assert.equal(status, 0, `${stderr}\n${scene.home.log()}`);
  return output.toString();
}

describeForms("the recipe for programs that have a port", (form) => {
  test("has curl list INBOX and fetch a message", TIMEOUT, async () => {
    await using on = await inboxScene(form);
    const output = await succeeds(on.scene, recipe("inbox-port", "curl", { 1143: on.port }));
    assert.match(output, /^\* LIST \([^)]*\) "." INBOX\r?$/m);
    assert.match(output, /^Subject: Welcome aboard\r?$/m);
    assert.match(output, /came through an SSH connection/);
    assert.equal(on.scene.sshd.logins(), 1);
  });

  test("has Python's imaplib fetch a message", TIMEOUT, async () => {
    await using on = await inboxScene(form);
    const script = on.scene.home.write("mail.py", recipe("inbox-port", "python", { 1143: on.port }));
    const output = await succeeds(on.scene, `${program("python3")} ${script}`);
    assert.match(output, /^3 messages\n/);
    assert.match(output, /^Subject: Welcome aboard\r?$/m);
    assert.match(output, /came through an SSH connection/);
  });

  test("has imapfilter mark a message", TIMEOUT, async () => {
    await using on = await inboxScene(form);
    on.scene.home.write(".imapfilter/config.lua", recipe("inbox-port", "config.lua", { 1143: on.port }));
    await succeeds(on.scene, program("imapfilter"));
    const messages = readdirSync(join(on.scene.mailbox.path, "Maildir", "cur"));
    // Maildir's flag for a message that was seen.
    assert.equal(messages.filter((name) => name.endsWith(":2,S")).length, 1, messages.join(" "));
  });
});

describeForms("the recipe for systemd", (form) => {
  test("has a service that serves both loopbacks of the socket unit", TIMEOUT, async () => {
    const port = await freePort();
    await using scene = await makeScene(form, "systemd", { 1143: port });
    const socket = recipe("systemd", "socket", { 1143: port });
    const places = [...socket.matchAll(/^ListenStream=(.*)$/gm)].map(([, place = ""]) => place);
    const service = recipe("systemd", "service", { "/usr/local/bin/preauth": scene.preauth });
    const words = /^ExecStart=(.*)$/m.exec(service)?.[1]?.split(" ") ?? [];
    await using _service = startActivated(words, places, scene.env);
    for (const host of ["127.0.0.1", "::1"]) {
      using client = await poll(() => imapClient({ host, port }).catch(() => undefined), "a connection");
      client.say("a LOGOUT\r\n");
      assert.match(await client.ended(), /^\* PREAUTH [\s\S]*^a OK /m);
    }
    assert.equal(places.length, 2);
  });
});

/** Gives a Maildir in a home to nobody, who has an account everywhere. */
function giveAway(home: string, mail: string): void {
  const [uid, gid] = ["-u", "-g"].map((what) => Number(execFileSync("id", [what, "nobody"])));
  chmodSync(home, 0o711);
  for (const name of [".", "cur", "new", "tmp"]) chownSync(join(mail, name), uid ?? 0, gid ?? 0);
}

describe("the recipe for programs that have a port, with Thunderbird", () => {
  test("has it open INBOX and keep its messages, and asks for no password", {
    timeout: 120_000,
  }, async () => {
    // It takes seconds to start: once is enough.
    const [form] = forms;
    assert.ok(form !== undefined);
    await using on = await inboxScene(form);
    const { home, env, sshd, mailbox } = on.scene;
    const account = recipe("inbox-port", "user.js", { 1143: on.port });
    await using thunderbird = await startThunderbird({ ...home, env }, account);
    await poll(
      () => mailbox.subjects.every((subject) => thunderbird.store("INBOX").includes(`Subject: ${subject}`)),
      "the messages in its store",
      () => `${thunderbird.store("INBOX")}\n${home.log()}`,
      90_000,
    );
    assert.match(thunderbird.store("INBOX"), /came through an SSH connection/);
    const shown = await succeeds(on.scene, "preauth --status --json");
    const { connections, forwards }: Status = JSON.parse(shown);
    assert.deepEqual([connections.length, sshd.logins()], [1, 1]);
    assert.ok(Number(forwards[0]?.open) >= 1, shown);
  });
});

describeForms("the recipe for programs that always log in", (form) => {
  test("has getmail fetch INBOX with its password", TIMEOUT, async () => {
    const [near, far] = [await freePort(), await freePort()];
    await using scene = await makeScene(form, "getmail", { 2143: near, "localhost:143": `127.0.0.1:${far}` });
    await using server = await startLoginServer("imap", scene.mailbox, far);
    const mail = join(scene.home.path, "Mail");
    for (const name of ["cur", "new", "tmp"]) mkdirSync(join(mail, name), { recursive: true });
    const isRoot = process.getuid?.() === 0;
    if (isRoot) giveAway(scene.home.path, mail);
    const lines = {
      2143: near,
      '("pass", "show", "work")': `("echo", "${PASSWORD}")`,
      // It never delivers as root.
      "~/Mail/": isRoot ? `${mail}/\nuser = nobody` : `${mail}/`,
    };
    scene.home.write("config/getmail/getmailrc", recipe("getmail", "getmailrc", lines));
    await succeeds(scene, recipe("getmail", "run"));
    assert.equal(readdirSync(join(mail, "new")).length, 3);
    assert.equal(server.logins(), 1);
  });
});
