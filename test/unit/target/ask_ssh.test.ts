import assert from "node:assert/strict";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { Failure } from "../../../src/failure.ts";
import type { Decision } from "../../../src/table/decision.ts";
import { askSsh, baseline, parseAnswers } from "../../../src/target/ask_ssh.ts";
import { isAlive } from "../../peers/processes.ts";
import { makeTemporary, removeTemporary } from "../../peers/temporary.ts";
import { poll, within } from "../../peers/waiting.ts";
import { decisionFor, never, settled } from "../ssh/fixtures.ts";

const folder = makeTemporary();
after(() => removeTemporary(folder));

function config(text: string, name = "config"): string {
  const path = join(folder, name);
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}

/** A program of this name that is found before any other. */
function program(name: string, script: string): NodeJS.ProcessEnv {
  const bin = join(folder, `bin-${name}-${Math.random()}`);
  mkdirSync(bin);
  writeFileSync(join(bin, name), `#!/bin/sh\n${script}`);
  chmodSync(join(bin, name), 0o755);
  return { ...process.env, PATH: `${bin}:${process.env.PATH}` };
}

async function ask(text: string, keys: Partial<Decision> = {}, destination = "work") {
  const notes: string[] = [];
  const decision = decisionFor(destination, { sshConfig: settled(config(text)), ...keys });
  const answers = await askSsh(decision, {
    env: process.env,
    home: folder,
    signal: never(),
    note: (l) => notes.push(l),
  });
  assert.ok(answers !== undefined);
  return { answers, notes };
}

test("keys come in lower case, with all of their values and with the blanks inside them", () => {
  const answers = parseAnswers(
    "identityfile ~/a b\nidentityfile ~/c\ncanonicalizePermittedcnames none\nport 22\n\njunk\n",
  );
  assert.deepEqual(answers.get("identityfile"), ["~/a b", "~/c"]);
  assert.deepEqual(answers.get("canonicalizepermittedcnames"), ["none"]);
  assert.deepEqual(answers.get("junk"), undefined);
});

test("Host, Include and Match of ssh_config are settled by ssh itself", async () => {
  config("Host work\n  HostName mail.example.org\n  Port 2222\n", "included");
  const text = [
    `Include ${join(folder, "included")}`,
    'Match exec "test %h = mail.example.org"',
    "  IdentityFile ~/.ssh/%n",
    "Match host mail.example.org",
    "  Compression yes",
    "Host other",
    "  Port 99",
  ];
  const { answers } = await ask(`${text.join("\n")}\n`);
  assert.deepEqual(answers.get("hostname"), ["mail.example.org"]);
  assert.deepEqual(answers.get("port"), ["2222"]);
  assert.deepEqual(answers.get("identityfile"), ["~/.ssh/%n"]);
  assert.deepEqual(answers.get("compression"), ["yes"]);
});

test("user and port of the table and the call are told to ssh", async () => {
  const text = "Match user jane\n  HostKeyAlias for-jane\nHost *\n  User joe\n  Port 99\n";
  const { answers } = await ask(text, { port: settled(2022) });
  assert.deepEqual(answers.get("user"), ["jane"]);
  assert.deepEqual(answers.get("port"), ["2022"]);
  assert.deepEqual(answers.get("hostkeyalias"), ["for-jane"]);
  const { answers: without } = await ask(text, { user: undefined });
  assert.deepEqual(without.get("user"), ["joe"]);
});

test("ssh_config none stands for no file at all", async () => {
  const decision = decisionFor("work", { sshConfig: settled("none") });
  const answers = await askSsh(decision, {
    env: process.env,
    home: folder,
    signal: never(),
    note: () => {},
  });
  assert.deepEqual(answers?.get("hostname"), ["work"]);
});

test("the baseline knows nothing of ssh_config", async () => {
  const decision = decisionFor("work", { sshConfig: settled(config("Host work\n  HostName x.test\n")) });
  const answers = await baseline(decision, {
    env: process.env,
    home: folder,
    signal: never(),
    note: () => {},
  });
  assert.deepEqual(answers?.get("hostname"), ["work"]);
});

test("a tilde in the table's ssh_config is the program's home, whatever $HOME says", async () => {
  config("Host work\n  HostName from.home\n", "home_config");
  const decision = decisionFor("work", { sshConfig: settled("~/home_config") });
  for (const HOME of [folder, "relative", "/nowhere", ""]) {
    const env = { ...process.env, HOME };
    const answers = await askSsh(decision, { env, home: folder, signal: never(), note: () => {} });
    assert.deepEqual(answers?.get("hostname"), ["from.home"]);
  }
});

test("an IPv6 address in brackets is asked for without them", async () => {
  const { answers } = await ask("", {}, "[::1]");
  assert.deepEqual(answers.get("hostname"), ["::1"]);
});

for (const destination of ["jane@elsewhere", "ssh://elsewhere:22", "-oProxyCommand=id"]) {
  test(`"${destination}" is not taken for a host`, async () => {
    await assert.rejects(
      ask("", {}, destination),
      (error) => error instanceof Failure && error.trouble === "table" && error.what.includes(destination),
    );
  });
}

test("a mistake in ssh_config is a failure with its file and line", async () => {
  await assert.rejects(ask("Host work\n  Frobnicate yes\n"), (error) => {
    assert.ok(error instanceof Failure);
    assert.equal(error.subject, `${join(folder, "config")}:2`);
    assert.match(error.what, /Bad configuration option: frobnicate/);
    assert.equal(error.status, 78);
    return true;
  });
});

test("a missing ssh_config is a failure in ssh's words", async () => {
  const decision = decisionFor("work", { sshConfig: settled(join(folder, "nowhere")) });
  await assert.rejects(
    askSsh(decision, { env: process.env, home: folder, signal: never(), note: () => {} }),
    (error) => error instanceof Failure && /Can't open user config file .*nowhere/.test(error.what),
  );
});

test("without an ssh program there are no answers", async () => {
  const env = { PATH: join(folder, "empty") };
  assert.equal(
    await askSsh(decisionFor("work"), { env, home: folder, signal: never(), note: () => {} }),
    undefined,
  );
});

test("what ssh says on stderr goes to the log", async () => {
  const env = program("ssh", 'echo "one" >&2; echo "two" >&2; echo "hostname x"');
  const notes: string[] = [];
  await askSsh(decisionFor("work"), {
    env,
    home: folder,
    signal: never(),
    note: (line) => notes.push(line),
  });
  assert.deepEqual(notes, ["ssh -G: one", "ssh -G: two"]);
});

test("an ssh that hangs is killed with the signal, whose reason is passed on", async () => {
  const pidFile = join(folder, "pid");
  const env = program("ssh", `echo $$ > ${pidFile}.new; mv ${pidFile}.new ${pidFile}; exec sleep 1000`);
  const controller = new AbortController();
  const asked = askSsh(decisionFor("work"), {
    env,
    home: folder,
    signal: controller.signal,
    note: () => {},
  });
  const pid = await poll(() => readIfThere(pidFile), "the program's start");
  const reason = new Failure("gone", "mail.test", "enough");
  controller.abort(reason);
  await assert.rejects(within(asked, "the end", undefined, 1000), (error) => error === reason);
  await poll(() => !isAlive(Number(pid)), "the end of the program", undefined, 1000);
});

test("a child of ssh that keeps stderr open holds nothing up", async () => {
  const env = program("ssh", 'echo "hostname x"; sleep 1000 </dev/null >/dev/null & echo $! > "$0.pid"');
  const answers = await within(
    askSsh(decisionFor("work"), { env, home: folder, signal: never(), note: () => {} }),
    "the answers",
    undefined,
    2000,
  );
  assert.deepEqual(answers?.get("hostname"), ["x"]);
  process.kill(Number(readFileSync(join(env.PATH?.split(":")[0] ?? "", "ssh.pid"), "utf8")));
});

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
