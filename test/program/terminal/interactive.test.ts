import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import type { AskingServer } from "../../peers/asking_server.ts";
import { describeForms } from "../../peers/binaries.ts";
import { type Home, type HostLines, hostTable, makeHome, tableFor } from "../../peers/home.ts";
import { makeKey } from "../../peers/keys.ts";
import { signal } from "../../peers/processes.ts";
import { type Secrets, startSecretServer } from "../../peers/secret_server.ts";
import { startSshd } from "../../peers/sshd.ts";
import { poll } from "../../peers/waiting.ts";
import { openWatched } from "./watched.ts";

/** A server, and a home whose table leads "work" to it with a key that it does not take. */
async function sceneFor(secrets: Secrets, keys: HostLines = {}): Promise<Scene> {
  const server = await startSecretServer(secrets);
  const home = makeHome();
  const stranger = makeKey(`${home.path}/stranger`);
  const host = { match: "work", server: "127.0.0.1", port: server.port, user: "jane" };
  const files = { identity: stranger.path, known_hosts: server.knownHosts, ssh_config: "none" };
  home.writeTable(hostTable({ ...host, ...files, ...keys }));
  const dispose = async () => {
    await server[Symbol.asyncDispose]();
    home[Symbol.dispose]();
  };
  return { server, home, [Symbol.asyncDispose]: dispose };
}

interface Scene extends AsyncDisposable {
  readonly server: AskingServer;
  readonly home: Home;
}

const PASSWORD = "swordfish";
const LOGGED_IN = /logged in to work as jane/;

describeForms("--login asks", { concurrency: 4 }, (form) => {
  const login = [...form.argv, "--login", "work"];

  test("for the password once the keys have not done, and does not show it", async () => {
    await using scene = await sceneFor({ password: PASSWORD });
    await using terminal = await openWatched(login, scene.home);
    await terminal.waitFor(/password:/, "the question");
    assert.equal(scene.server.tried[0], "publickey");
    terminal.type(PASSWORD);
    terminal.keys("Enter");
    await terminal.waitFor(LOGGED_IN, "the login");
    terminal.keys("C-c");
    assert.equal(await terminal.ended(), 0);
    assert.doesNotMatch(terminal.screen(), /swordfish/);
    assert.doesNotMatch(scene.home.log(), /swordfish/);
    const { before, after } = terminal.settings();
    assert.equal(after, before);
  });

  test("again for a password that was wrong, three times in all", async () => {
    await using scene = await sceneFor({ password: PASSWORD });
    await using terminal = await openWatched(login, scene.home);
    for (const count of [1, 2, 3]) {
      await terminal.waitFor(new RegExp(`(password:[\\s\\S]*){${count}}`), `question ${count}`);
      terminal.type("wrong");
      terminal.keys("Enter");
    }
    assert.equal(await terminal.ended(), 77);
    assert.equal(scene.server.tried.filter((method) => method === "password").length, 3);
    assert.doesNotMatch(terminal.screen(), /wrong/);
  });

  test("what the server wants to know, round by round, as the server says to show it or not", async () => {
    const rounds = [
      { prompts: [{ prompt: "Token: ", echo: true }], answers: ["123456"] },
      { name: "Notice", instruction: "Nothing to type here", prompts: [], answers: [] },
      {
        instruction: "Both of them",
        prompts: [
          { prompt: "PIN: ", echo: false },
          { prompt: "Colour: ", echo: true },
        ],
        answers: ["7531", "blå"],
      },
    ];
    await using scene = await sceneFor({ rounds });
    await using terminal = await openWatched(login, scene.home);
    for (const [prompt, answer] of [
      ["Token", "123456"],
      ["PIN", "7531"],
      ["Colour", "blå"],
    ] as const) {
      await terminal.waitFor(new RegExp(`${prompt}:`), prompt);
      terminal.type(answer);
      terminal.keys("Enter");
    }
    await terminal.waitFor(LOGGED_IN, "the login");
    const screen = terminal.screen();
    assert.match(screen, /Token: 123456$/m);
    assert.match(screen, /Notice\n.*Nothing to type here\n/);
    assert.match(screen, /Both of them\n.*PIN:\n.*Colour: blå\n/);
    assert.doesNotMatch(screen, /7531/);
    terminal.keys("C-c");
    assert.equal(await terminal.ended(), 0);
  });

  test("with the control characters of the server escaped", async () => {
    const prompt = { prompt: "\u001b[2Jevil\r\nPIN\u0007: ", echo: true };
    const round = {
      name: "\u001b]0;title\u0007",
      instruction: "a\u009b31m",
      prompts: [prompt],
      answers: ["x"],
    };
    await using scene = await sceneFor({ rounds: [round] });
    await using terminal = await openWatched(login, scene.home);
    const screen = await terminal.waitFor(/\\e\[2Jevil.*PIN\\x07:/, "the question");
    assert.match(screen, /\\e\]0;title\\x07/);
    assert.match(screen, /a\\x9b31m/);
    assert.match(screen, /^name /m);
    terminal.keys("C-c");
    assert.equal(await terminal.ended(), 130);
  });

  test("for the passphrase of a key file, again when it was wrong", async () => {
    using home = makeHome();
    const key = makeKey(`${home.path}/locked`, "ed25519", PASSWORD);
    const keys = home.write("authorized_keys", `${key.line}\n`);
    await using own = await startSshd({ config: [`AuthorizedKeysFile ${keys}`] });
    home.writeTable(tableFor(own, { match: "work", identity: key.path }));
    await using terminal = await openWatched(login, home);
    await terminal.waitFor(/passphrase/, "the question");
    terminal.type("wrong\n");
    await terminal.waitFor(/(passphrase[\s\S]*){3}:\s*$/, "the second question");
    terminal.type(`${PASSWORD}\n`);
    await terminal.waitFor(/logged in to work as/, "the login");
    assert.doesNotMatch(terminal.screen(), /swordfish|wrong$/m);
    terminal.keys("C-c");
    assert.equal(await terminal.ended(), 0);
    const { before, after } = terminal.settings();
    assert.equal(after, before);
  });

  for (const [key, status] of [
    ["C-c", 130],
    ["C-d", 69],
  ] as const) {
    test(`no more after ${key} at a question: ${status}, and the terminal is as it was`, async () => {
      await using scene = await sceneFor({ password: PASSWORD });
      await using terminal = await openWatched(login, scene.home);
      await terminal.waitFor(/password:/, "the question");
      terminal.type("half");
      terminal.keys(...(key === "C-d" ? ["C-u", key] : [key]));
      assert.equal(await terminal.ended(), status);
      assert.match(terminal.screen(), /password:\n(.*FAILED\n)?preauth: /);
      assert.equal(scene.server.tried.includes("password"), false);
      await poll(() => scene.server.open === 0, "the end of the connection");
      const { before, after } = terminal.settings();
      assert.equal(after, before);
    });
  }

  test("no more after SIGTERM at a question: 143, and the terminal is as it was", async () => {
    await using scene = await sceneFor({ password: PASSWORD });
    await using terminal = await openWatched(login, scene.home);
    await terminal.waitFor(/password:/, "the question");
    signal(terminal.pid(), "SIGTERM");
    assert.equal(await terminal.ended(), 143);
    const { before, after } = terminal.settings();
    assert.equal(after, before);
  });

  test("no more when the server hangs up at a question, and the terminal is as it was", async () => {
    await using scene = await sceneFor({ password: PASSWORD });
    await using terminal = await openWatched(login, scene.home);
    await terminal.waitFor(/password:/, "the question");
    scene.server.drop();
    assert.notEqual(await terminal.ended(), 0);
    assert.match(terminal.screen(), /^preauth: work: /m);
    const { before, after } = terminal.settings();
    assert.equal(after, before);
  });

  test("and waits longer than the deadline for an answer", async () => {
    await using scene = await sceneFor({ password: PASSWORD }, { deadline: "4s" });
    await using terminal = await openWatched(login, scene.home);
    await terminal.waitFor(/password:/, "the question");
    await pause(4_500);
    terminal.type(`${PASSWORD}\n`);
    await terminal.waitFor(LOGGED_IN, "the login");
    terminal.keys("C-c");
    assert.equal(await terminal.ended(), 0);
  });
});

describeForms("no password is asked", (form) => {
  for (const [what, words] of [
    ["by a mail call on a terminal", ["work", "jane", "imap"]],
    ["by --check on a terminal", ["--check", "work"]],
  ] as const) {
    test(what, async () => {
      await using scene = await sceneFor({ password: PASSWORD, rounds: [] });
      await using terminal = await openWatched([...form.argv, ...words], scene.home);
      assert.equal(await terminal.ended(), 77);
      assert.doesNotMatch(terminal.screen(), /password:/);
      assert.equal(scene.server.tried.includes("password"), false);
      assert.equal(scene.server.tried.includes("keyboard-interactive"), false);
    });
  }
});
