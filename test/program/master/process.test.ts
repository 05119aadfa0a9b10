import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { describeForms } from "../../peers/binaries.ts";
import { startCall } from "../../peers/call.ts";
import { loadedModules } from "../../peers/modules.ts";
import { gone, isAlive, signal } from "../../peers/processes.ts";
import { ssh2Loaded } from "../../peers/ssh2_loaded.ts";
import { refusingPort } from "../../peers/tcp.ts";
import { poll } from "../../peers/waiting.ts";
import { GREET } from "../stream/stream.ts";
import { preloaded } from "./preloaded.ts";
import {
  answers,
  backgroundOf,
  descriptorsOf,
  logout,
  mastersOf,
  PREAUTH,
  type Scene,
  startScene,
} from "./shared_home.ts";

/** A call and nothing else must be gone within this time of its signal, in milliseconds. */
const GONE = 1000;

/** Session and process group of a process (proc_pid_stat(5)). */
function sessionOf(pid: number): { readonly group: number; readonly session: number } {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  const [, , group, session] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return { group: Number(group), session: Number(session) };
}

const socketsOf = ({ home }: Scene): string[] => readdirSync(join(home.env.XDG_RUNTIME_DIR ?? "", "preauth"));

async function allGone(scene: Scene): Promise<void> {
  await poll(
    () => backgroundOf(scene.home).length === 0,
    "the end of all processes",
    () => scene.home.log(),
  );
  assert.deepEqual(socketsOf(scene), []);
  await scene.sshd.idle();
}

describeForms("the master's process", { concurrency: 4 }, (form) => {
  test("has a session of its own, is in no directory, and holds nothing of any client's", async () => {
    await using scene = await startScene(form);
    const marks = [3, 4, 5, 6, 7, 8, 9].map((fd) => [fd, scene.home.write(`descriptor-${fd}`, "")] as const);
    const redirections = marks.map(([fd, file]) => `${fd}<>${file}`).join(" ");
    const under = ["sh", "-c", `exec ${redirections}; exec "$@"`, "sh"];
    const call = await scene.open({ under, cwd: scene.home.path });
    const pid = await scene.master();
    assert.deepEqual(sessionOf(pid), { group: pid, session: pid });
    assert.notEqual(sessionOf(call.pid).session, pid);
    assert.equal(readlinkSync(`/proc/${pid}/cwd`), "/");
    const files = descriptorsOf(pid);
    assert.deepEqual(
      files.filter((file) => file.startsWith(scene.home.path)),
      [],
    );
    assert.deepEqual(
      [0, 1, 2].map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`)),
      ["/dev/null", "/dev/null", "/dev/null"],
    );
    // The pipe on which it told that it listens. What the client itself was given without its doing is not looked at.
    const inherited = descriptorsOf(process.pid);
    const clients = descriptorsOf(call.pid).filter(
      (file) => /^(pipe|socket):/.test(file) && !inherited.includes(file),
    );
    assert.deepEqual(
      files.filter((file) => clients.includes(file)),
      [],
    );
  });

  test("whose client has gone before it listens does not stay", async () => {
    await using scene = await startScene(form);
    const call = await scene.start();
    await poll(() => mastersOf(scene.home).length > 0, "a master");
    call.signal("SIGKILL");
    await poll(
      () => backgroundOf(scene.home).length === 0,
      "the end of all processes",
      () => scene.home.log(),
      5000,
    );
    assert.deepEqual(socketsOf(scene), []);
  });

  test("leaves ssh2 to itself: no client loads it, unless it connects by itself", async () => {
    const forward = `[[forward]]\nname = "smtp"\nlisten = ${await refusingPort()}\nto = "127.0.0.1:1"\n`;
    await using scene = await startScene(form, { table: forward, host: { "commands.smtp": "exec cat" } });
    const loaded = ssh2Loaded(scene.home);
    const { env } = loaded;
    const first = await scene.open({ env });
    const master = await scene.master();
    assert.equal(loaded.by(master), true);
    const clients = [first, await scene.open({ env }), await scene.start({ env, method: "smtp" })];
    clients[2]?.write("220 here\r\n");
    await clients[2]?.readUntil(/220 here/);
    for (const words of [["--forward", "mail.test"], ["--status"], ["--stop"]]) {
      const call = await startCall([...form.argv, ...words], { env: { ...scene.home.env, ...env } });
      clients.push(call);
      await call.finished();
    }
    assert.deepEqual(
      clients.map(({ pid }) => loaded.by(pid)),
      clients.map(() => false),
    );
    signal(master, "SIGSTOP");
    const direct = await scene.open({ env });
    assert.equal(loaded.by(direct.pid), true);
  });

  const onNode = { skip: form.name === "node" ? false : "the executable has no list of its modules" };
  test("spares its clients what SSH, keys and names would need", onNode, async () => {
    await using scene = await startScene(form);
    assert.equal(await logout(await scene.open()), 0);
    const [node = "", ...rest] = form.argv;
    const loaded = loadedModules(scene.home);
    const words = [node, ...loaded.options, ...rest, "mail.test", scene.sshd.user, "imap"];
    await using call = await startCall(words, { env: { ...scene.home.env, ...loaded.env } });
    await call.readUntil(PREAUTH);
    assert.equal(await logout(call), 0);
    // ssh2 requires all of these before it does anything.
    const heavy = ["crypto", "dns", "tls", "zlib", "child_process", "http", "dgram"];
    const modules = loaded.read();
    assert.equal(modules.includes("fs"), true, "the hook has run");
    assert.deepEqual(
      modules.filter((module) => heavy.includes(module)),
      [],
    );
    assert.equal(scene.sshd.logins(), 1);
  });

  test("outlives the client that has started it, also when that is killed with its group", async () => {
    await using scene = await startScene(form);
    const first = await scene.open();
    const second = await scene.open();
    process.kill(-first.pid, "SIGKILL");
    await first.exited();
    await answers(second, "a1");
    await answers(await scene.open(), "a1");
    assert.equal(scene.sshd.logins(), 1);
  });

  for (const [persist, title] of [
    ["0", "at once"],
    ["2s", "after two seconds"],
  ] as const) {
    test(`persist = "${persist}": nothing is left ${title}`, async () => {
      await using scene = await startScene(form, { host: { persist } });
      const first = await scene.open();
      const second = await scene.open();
      assert.equal(await logout(first), 0);
      await answers(second, "a1");
      const closed = performance.now();
      assert.equal(await logout(second), 0);
      await allGone(scene);
      const took = performance.now() - closed;
      if (persist === "2s") assert.ok(took >= 1900, `${took} ms`);
      assert.match(scene.home.log(), /master: ended with status 0/);
      assert.equal(scene.sshd.logins(), 1);
    });
  }

  test('persist = "2s": a call within that time starts it anew', async () => {
    await using scene = await startScene(form, { host: { persist: "2s" } });
    assert.equal(await logout(await scene.open()), 0);
    const before = (await scene.status())?.connections[0]?.until;
    const call = await scene.open();
    assert.equal((await scene.status())?.connections[0]?.until, undefined);
    assert.equal(await logout(call), 0);
    const after = (await scene.status())?.connections[0]?.until;
    assert.ok(Number(after) > Number(before), `${after} after ${before}`);
    await allGone(scene);
    assert.equal(scene.sshd.logins(), 1);
  });

  test('persist = "forever": it stays', async () => {
    await using scene = await startScene(form, { host: { persist: "forever" } });
    assert.equal(await logout(await scene.open()), 0);
    const status = await scene.statusOnce(
      ({ connections }) => connections[0]?.sessions === 0,
      "the session's end",
    );
    assert.equal(status.connections[0]?.until, "forever");
    await answers(await scene.open(), "a1");
    assert.equal(scene.sshd.logins(), 1);
  });

  for (const [name, status] of [
    ["SIGTERM", 143],
    ["SIGHUP", 129],
    ["SIGINT", 130],
  ] as const) {
    test(`ends at ${name} with its mailboxes, and leaves no socket`, async () => {
      await using scene = await startScene(form);
      const call = await scene.open();
      const pid = await scene.master();
      signal(pid, name);
      assert.deepEqual(await call.exited(), { status: 255, signal: null });
      assert.match(call.output.toString(), /^\* PREAUTH [^\r\n]*\r\n$/);
      await gone(pid);
      assert.match(scene.home.log(), new RegExp(`master: ended with status ${status}`));
      await allGone(scene);
    });
  }

  test("that crashes writes its stack to the log, and the next call starts another", async () => {
    await using scene = await startScene(form);
    const env = preloaded(scene.home, "setTimeout(() => { throw new Error('out of cheese') }, 0)");
    const call = await scene.open({ env });
    const pid = await scene.master();
    signal(pid, "SIGUSR2");
    assert.deepEqual(await call.exited(), { status: 255, signal: null });
    await gone(pid);
    assert.match(scene.home.log(), /master: internal error: Error: out of cheese.*preload\.cjs/);
    assert.match(scene.home.log(), /master: ended with status 70/);
    assert.deepEqual(socketsOf(scene), []);
    await answers(await scene.open(), "a1");
    assert.notEqual(await scene.master(), pid);
  });

  for (const [name, status] of [
    ["SIGTERM", 143],
    ["SIGHUP", 129],
    ["SIGINT", 130],
  ] as const) {
    test(`${name} ends a client within a second, and neither the master nor another mailbox`, async () => {
      await using scene = await startScene(form);
      const other = await scene.open();
      const call = await scene.open({ under: ["env", "--default-signal=INT"] });
      const pid = await scene.master();
      call.signal(name);
      assert.deepEqual(await call.exited(GONE), { status, signal: null });
      assert.match(call.output.toString(), PREAUTH);
      await scene.statusOnce(({ connections }) => connections[0]?.sessions === 1, "the session's end");
      await answers(other, "a1");
      assert.equal(isAlive(pid), true);
    });
  }

  test("starts where no home can be written, and the log is missing: mail comes all the same", async () => {
    await using scene = await startScene(form, { host: { "commands.imap": `${GREET}; exec cat` } });
    const XDG_STATE_HOME = scene.home.write("no-directory", "");
    const call = await scene.open({ env: { XDG_STATE_HOME } });
    call.write("hello\r\n");
    await call.readUntil(/hello/);
    assert.equal(existsSync(scene.home.logFile), false);
  });
});
