import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { startAgent } from "../../peers/agent.ts";
import { describeForms, type Form } from "../../peers/binaries.ts";
import { type Call, runCall, startCall } from "../../peers/call.ts";
import { startLoginServer } from "../../peers/login_server.ts";
import { program } from "../../peers/programs.ts";
import { makeSendmail, type Sendmail } from "../../peers/sendmail.ts";
import { openTerminal } from "../../peers/terminal.ts";
import { freePort } from "../../unit/forwards/fixtures.ts";
import { makeScene, type Scene } from "./recipe_home.ts";
import { type Replacements, recipe } from "./recipes.ts";

const TIMEOUT = { timeout: 60_000 };
const SENDMAIL = "/usr/sbin/sendmail";

/** Real fetchmail on the recipe's file. */
async function fetchmail(scene: Scene, name: string, own: Replacements, more: Options = {}): Promise<Call> {
  const file = scene.home.write(".fetchmailrc", recipe(name, "fetchmailrc", own));
  // root's fetchmail would have one pid file for the whole machine.
  const apart = ["--pidfile", join(scene.home.path, "fetchmail.pid")];
  const words = [program("fetchmail"), "-v", "-f", file, ...apart, ...(more.words ?? [])];
  return await startCall(words, { stdio: "pipes", env: { ...scene.env, ...more.env } });
}

interface Options {
  readonly words?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** Waits until the three messages of the sample mailbox have come, and fetchmail has ended. */
async function threeMessages(sendmail: Sendmail, call: Call): Promise<void> {
  const { status, output, stderr } = await call.finished();
  assert.equal(status, 0, `${output}${stderr}`);
  const subjects = [];
  for (const n of [1, 2, 3]) {
    const { text } = await sendmail.posted(n);
    subjects.push(/^Subject: (.*)$/m.exec(text)?.[1]);
  }
  assert.deepEqual(subjects.sort(), ["Minutes of the meeting", "The key to the shed", "Welcome aboard"]);
}

/** What the POP3 recipe needs: the server behind sshd, a free port for the forward, and a sendmail here. */
async function pop3Scene(form: Form) {
  const sendmail = makeSendmail();
  const [listen, far] = [await freePort(), await freePort()];
  const scene = await makeScene(form, "fetchmail-pop3", {
    11110: listen,
    "popserver:110": `127.0.0.1:${far}`,
  });
  const pop3 = await startLoginServer("pop3", scene.mailbox, far);
  return {
    scene,
    sendmail,
    pop3,
    own: { 11110: listen, [SENDMAIL]: sendmail.path },
    [Symbol.asyncDispose]: async () => {
      await pop3[Symbol.asyncDispose]();
      await scene[Symbol.asyncDispose]();
      sendmail[Symbol.dispose]();
    },
  };
}

/** Once, and no daemon, whatever the file says. */
const ONCE = ["--daemon", "0"];

/** A line of preauth's, then fetchmail's own. */
const FAILURES = [
  {
    name: "fetchmail-imap",
    said: /^preauth: imap\.example\.org: connection refused[\s\S]*^fetchmail: socket error/m,
  },
  {
    name: "fetchmail-smtp",
    said: /^preauth: mail\.example\.org: connection refused[\s\S]*^fetchmail: SMTP connect to mail.example.org failed/m,
  },
  {
    name: "fetchmail-pop3",
    said: /^preauth: work: connection refused[\s\S]*^fetchmail: pre-connection command failed/m,
  },
];

describeForms("fetchmail with a recipe", { concurrency: 2, together: true }, (form) => {
  test("gets mail by IMAP, preauthenticated", TIMEOUT, async () => {
    using sendmail = makeSendmail();
    await using scene = await makeScene(form, "fetchmail-imap");
    await using call = await fetchmail(scene, "fetchmail-imap", { [SENDMAIL]: sendmail.path });
    await threeMessages(sendmail, call);
    assert.match(call.output.toString(), /IMAP< \* PREAUTH/);
  });

  test("hands mail to a far SMTP server", TIMEOUT, async () => {
    using sendmail = makeSendmail();
    await using scene = await makeScene(form, "fetchmail-smtp", { [SENDMAIL]: sendmail.path });
    const port = await freePort();
    await using pop3 = await startLoginServer("pop3", scene.mailbox, port);
    await using call = await fetchmail(scene, "fetchmail-smtp", {
      popserver: pop3.host,
      "port 110": `port ${port}`,
    });
    await threeMessages(sendmail, call);
    const { words, to } = await sendmail.posted();
    assert.deepEqual({ words, to }, { words: ["-bs"], to: ["jane@mail.example.org"] });
  });

  test("gets mail by IMAP and hands it to a far SMTP server, in one poll", TIMEOUT, async () => {
    using sendmail = makeSendmail();
    await using scene = await makeScene(form, "fetchmail-both", { [SENDMAIL]: sendmail.path });
    await using call = await fetchmail(scene, "fetchmail-both", {});
    await threeMessages(sendmail, call);
    const { words, to } = await sendmail.posted();
    assert.deepEqual({ words, to }, { words: ["-bs"], to: ["jane@mail.example.org"] });
  });

  test("gets mail by POP3 through the forward of its preconnect", TIMEOUT, async () => {
    await using place = await pop3Scene(form);
    await using call = await fetchmail(place.scene, "fetchmail-pop3", place.own, { words: ONCE });
    await threeMessages(place.sendmail, call);
    assert.equal(place.pop3.logins(), 1);
    await place.scene.sshd.idle();
  });

  test("gets mail by POP3 as a daemon, in three polls", TIMEOUT, async () => {
    await using place = await pop3Scene(form);
    const words = ["--nodetach", "--daemon", "1"];
    await using call = await fetchmail(place.scene, "fetchmail-pop3", place.own, { words });
    await place.sendmail.posted(3);
    for (const n of [4, 5]) {
      place.scene.mailbox.deliver({ subject: `Later ${n}`, body: "And this.\n" });
      assert.match((await place.sendmail.posted(n)).text, new RegExp(`^Subject: Later ${n}$`, "m"));
    }
    assert.ok(place.pop3.logins() >= 3, place.pop3.log());
    call.signal("SIGTERM");
    await call.finished();
    await place.scene.sshd.idle();
  });

  test("gets mail by POP3 with a key whose passphrase was told to the agent once", TIMEOUT, async () => {
    await using place = await pop3Scene(form);
    const { scene } = place;
    const changed = ["-q", "-p", "-P", "", "-N", "open sesame", "-f", scene.sshd.identity];
    execFileSync(program("ssh-keygen"), changed);
    const own = { "~/.ssh/id_ed25519": scene.sshd.identity, 'eval "$(ssh-agent)"\n': "", "fetchmail\n": "" };
    const asker = scene.home.write("askpass", "#!/bin/sh\necho open sesame\n", 0o755);
    {
      await using without = await fetchmail(scene, "fetchmail-pop3", place.own, { words: ONCE });
      assert.notEqual((await without.finished()).status, 0, "opened without the agent");
    }
    await using agent = await startAgent();
    const env = { SSH_AUTH_SOCK: agent.socket };
    execFileSync("/bin/sh", ["-c", recipe("fetchmail-pop3", "agent", own)], {
      env: { ...scene.env, ...env, SSH_ASKPASS: asker, SSH_ASKPASS_REQUIRE: "force" },
      stdio: "ignore",
    });
    await using call = await fetchmail(scene, "fetchmail-pop3", place.own, { words: ONCE, env });
    await threeMessages(place.sendmail, call);
    await scene.sshd.idle();
  });

  test("gets mail from cron, without an agent, after one login on a terminal", TIMEOUT, async () => {
    using sendmail = makeSendmail();
    await using scene = await makeScene(form, "one-login");
    const changed = ["-q", "-p", "-P", "", "-N", "open sesame", "-f", scene.sshd.identity];
    execFileSync(program("ssh-keygen"), changed);
    const [PATH = "", line = ""] = recipe("one-login", "crontab", {
      "/usr/local/bin": scene.home.path,
      fetchmail: program("fetchmail"),
    })
      .replace("PATH=", "")
      .split("\n");
    // As cron does with the rest of a line behind its five times.
    const command = line.split(" ").slice(5).join(" ");
    const cron = async () => {
      const mda = { [SENDMAIL]: sendmail.path };
      scene.home.write(".fetchmailrc", recipe("fetchmail-imap", "fetchmailrc", mda));
      const apart = `--pidfile ${join(scene.home.path, "fetchmail.pid")} -f ${join(scene.home.path, ".fetchmailrc")}`;
      const env = { ...scene.env, PATH: `${PATH}:${dirname(process.execPath)}` };
      return await startCall(["/bin/sh", "-c", `${command} -v ${apart}`], { stdio: "pipes", env });
    };
    {
      await using before = await cron();
      const { status, stderr } = await before.finished();
      assert.notEqual(status, 0);
      assert.match(stderr, /^preauth: imap\.example\.org: .*is encrypted/m);
    }
    const login = recipe("one-login", "login").trim().split(" ");
    await using terminal = await openTerminal([scene.preauth, ...login.slice(1)], { env: scene.env });
    await terminal.waitFor(/assphrase/, "the question for the passphrase");
    terminal.type("open sesame");
    terminal.keys("Enter");
    assert.equal(await terminal.ended(), 0);
    const screen = terminal.screen().replaceAll("\n", "");
    assert.match(
      screen,
      /the connection is kept for your mail client, until it is stopped; to end it: +preauth --stop/,
    );
    await using call = await cron();
    await threeMessages(sendmail, call);
    assert.equal(scene.sshd.logins(), 1);
    const stopped = await runCall([scene.preauth, "--stop", "imap.example.org"], {
      env: scene.env,
      stdio: "pipes",
    });
    assert.equal(stopped.status, 0, stopped.stderr);
    await scene.sshd.idle();
  });

  test("says what the document says when preauth is not on its PATH", TIMEOUT, async () => {
    await using scene = await makeScene(form, "fetchmail-imap");
    const env = { PATH: "/nowhere" };
    await using call = await fetchmail(scene, "fetchmail-imap", {}, { env });
    assert.match((await call.finished()).stderr, /execvp\(preauth\) failed/);
  });

  test("hands mail to a server whose greeting can be seen by hand", TIMEOUT, async () => {
    using sendmail = makeSendmail();
    await using scene = await makeScene(form, "fetchmail-smtp", { [SENDMAIL]: sendmail.path });
    const words = [scene.preauth, "mail.example.org", "jane", "smtp"];
    const { output } = await runCall(words, { env: scene.env, stdio: "terminal", input: "QUIT\n" });
    assert.match(output.toString(), /^220 /m);
  });

  for (const { name, said } of FAILURES) {
    test(`says what the document says when the server cannot be had: ${name}`, TIMEOUT, async () => {
      await using scene = await makeScene(form, name);
      const port = await freePort();
      await using pop3 = await startLoginServer("pop3", scene.mailbox, port);
      const direct = { popserver: pop3.host, "port 110": `port ${port}` };
      await scene.sshd.stop();
      const own = name === "fetchmail-smtp" ? direct : {};
      await using call = await fetchmail(scene, name, own, { words: ONCE });
      const { status, stderr } = await call.finished();
      assert.notEqual(status, 0);
      assert.match(stderr, said);
    });
  }
});
