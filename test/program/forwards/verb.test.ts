import assert from "node:assert/strict";
import { chmodSync, mkdirSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Status } from "../../../src/control/protocol.ts";
import { describeForms, type Form } from "../../peers/binaries.ts";
import { type Finished, runCall } from "../../peers/call.ts";
import type { Home } from "../../peers/home.ts";
import { signal } from "../../peers/processes.ts";
import { type Sshd, startSshd } from "../../peers/sshd.ts";
import { closingServer, type Listener, refusingPort, speakingServer } from "../../peers/tcp.ts";
import { poll } from "../../peers/waiting.ts";
import { STRANGER, startListener, withoutRoot } from "../../unit/forwards/fixtures.ts";
import { connected, heard, sceneFor } from "./one_forward.ts";

let sshd: Sshd;
let smtp: Listener;

before(async () => {
  // An account whose shell lets nobody in.
  sshd = await startSshd({ shell: "/usr/sbin/nologin" });
  smtp = await speakingServer("220 mail.test ESMTP\r\n");
});
after(async () => {
  await smtp[Symbol.asyncDispose]();
  await sshd.stop();
});

const target = (): string => `127.0.0.1:${smtp.port}`;

const run = (form: Form, home: Home, ...words: readonly string[]): Promise<Finished> =>
  runCall([...form.argv, "--forward", ...words], { env: home.env, stdio: "pipes" });

/** The pid of the process in the background, of the lines it has logged. */
function keeperOf(home: Home): number {
  return Number(/\[(\d+)\] work: forward "smtp": carries/.exec(home.log())?.[1]);
}

const isFree = (port: number): Promise<boolean> =>
  connected(port).then(
    (socket) => {
      socket.destroy();
      return false;
    },
    () => true,
  );

describeForms("--forward", (form) => {
  test("brings a forward up without a session, and keeps it for its time and while it is used", async () => {
    const { home, port } = await sceneFor(sshd, target());
    const { status, output, stderr } = await run(form, home, "work", "--for", "2s");
    assert.equal(stderr, "");
    assert.match(
      output.toString(),
      /^work: forward "smtp": carries port \d+ .*; \S+ answers as SMTP: "220 mail\.test ESMTP"\n$/,
    );
    assert.equal(status, 0);
    const client = await connected(port);
    // Beyond its time: the connection holds it.
    await new Promise((resolve) => setTimeout(resolve, 3000));
    const second = await connected(port);
    second.end();
    assert.equal(await heard(second), "220 mail.test ESMTP\r\n");
    client.end();
    assert.equal(await heard(client), "220 mail.test ESMTP\r\n");
    await poll(
      async () => await isFree(port),
      "the end of the forward",
      () => home.log(),
    );
    home[Symbol.dispose]();
  });

  test("leaves a process that holds nothing of the caller's", async () => {
    const { home } = await sceneFor(sshd, target());
    await run(form, home, "work", "--for", "20s");
    const pid = keeperOf(home);
    const held = [0, 1, 2].map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
    assert.deepEqual(held, ["/dev/null", "/dev/null", "/dev/null"]);
    assert.equal(readlinkSync(`/proc/${pid}/cwd`), "/");
    const pipes = readdirSync(`/proc/${pid}/fd`).filter((fd) => fd === "3");
    for (const fd of pipes) assert.doesNotMatch(readlinkSync(`/proc/${pid}/fd/${fd}`), /^pipe:/);
    signal(pid, "SIGTERM");
    home[Symbol.dispose]();
  });

  test("keeps a forward for 5 seconds where no time is given, and until it is ended for ever", async () => {
    const [short, long] = [await sceneFor(sshd, target()), await sceneFor(sshd, target())];
    assert.equal((await run(form, long.home, "work", "--for", "forever")).status, 0);
    const started = performance.now();
    assert.equal((await run(form, short.home, "work")).status, 0);
    await poll(() => isFree(short.port), "the end of the forward", short.home.log);
    assert.equal(performance.now() - started >= 5000, true, "gone too early");
    assert.equal(await isFree(long.port), false);
    signal(keeperOf(long.home), "SIGTERM");
    await poll(() => isFree(long.port), "the end of the other", long.home.log);
    for (const { home } of [short, long]) home[Symbol.dispose]();
  });

  test("that shares no connection is found by --status and ended by --stop", async () => {
    const { home, port } = await sceneFor(sshd, target());
    const verb = (...words: readonly string[]): Promise<Finished> =>
      runCall([...form.argv, ...words], { env: home.env, stdio: "pipes" });
    assert.equal((await run(form, home, "work", "--for", "forever")).status, 0);
    const client = await connected(port);
    const status: Status = JSON.parse((await verb("--status", "--json")).output.toString());
    assert.equal(status.pid, keeperOf(home));
    const [connection] = status.connections;
    assert.deepEqual([connection?.server, connection?.sessions, connection?.until], ["work", 0, "forever"]);
    assert.deepEqual(
      status.forwards.map(({ name, listen, open }) => [name, listen, open]),
      [["smtp", port, 1]],
    );
    assert.equal((await verb("--stop", "other")).status, 1);
    // Connections go through to their end, and nothing else is waited for.
    const stopped = await verb("--stop", "WORK");
    assert.equal(stopped.output.toString(), "work: ends after its last use: 1 connection of a forward\n");
    client.end();
    assert.equal(await heard(client), "220 mail.test ESMTP\r\n");
    await poll(() => isFree(port), "the end of the forward", home.log);
    assert.equal((await verb("--status")).status, 1);

    // Of several each is ended, and one that died leaves nothing.
    const other = await sceneFor(sshd, target());
    const env = { env: { ...other.home.env, XDG_RUNTIME_DIR: home.env.XDG_RUNTIME_DIR ?? "" } } as const;
    const together = { ...other.home, env: env.env };
    await run(form, home, "work", "--for", "forever");
    signal(
      Number(/\[(\d+)\] work: forward "smtp": carries(?![\s\S]*: carries)/.exec(home.log())?.[1]),
      "SIGKILL",
    );
    await poll(() => isFree(port), "the end of the killed one", home.log);
    for (const one of [home, together])
      assert.equal((await run(form, one, "work", "--for", "forever")).status, 0);
    const now = await verb("--stop", "--now");
    assert.equal(now.output.toString(), "work: ended\nwork: ended\n");
    for (const one of [port, other.port]) await poll(() => isFree(one), "the end of both", home.log);
    home[Symbol.dispose]();
    other.home[Symbol.dispose]();
  });

  test("says how to end it where --stop cannot find it", async () => {
    const { home, port } = await sceneFor(sshd, target(), "", { share: true });
    mkdirSync(join(home.env.XDG_RUNTIME_DIR ?? "", "preauth"), { mode: 0o755 });
    const { status, output } = await run(form, home, "work", "--for", "forever");
    const [, pid] =
      /^work: --stop cannot find what keeps them up: to end it, kill (\d+)$/m.exec(output.toString()) ?? [];
    assert.deepEqual([status, Number(pid)], [0, keeperOf(home)]);
    signal(Number(pid), "SIGTERM");
    await poll(() => isFree(port), "the end of the forward", home.log);
    home[Symbol.dispose]();
  });

  test("is there already: 0 as well, and nobody is hindered", async () => {
    const { home, port } = await sceneFor(sshd, target());
    await run(form, home, "work", "--for", "20s");
    const { status, output } = await run(form, home, "work", "--for", "1s");
    assert.match(output.toString(), /is held by \S+ \(pid \d+\) already; \S+ answers as SMTP/);
    assert.equal(status, 0);
    const client = await connected(port);
    client.end();
    assert.equal(await heard(client), "220 mail.test ESMTP\r\n");
    signal(keeperOf(home), "SIGTERM");
    home[Symbol.dispose]();
  });

  for (const [title, host, to, reason, status] of [
    [
      "a dead target",
      {},
      async () => `127.0.0.1:${await refusingPort()}`,
      /the server cannot connect to/,
      69,
    ],
    ["a target that says nothing and closes", {}, undefined, /closes the connection without an answer/, 69],
    ["a port that refuses", { port: 1 }, async () => target(), /connection refused/, 69],
  ] as const) {
    test(`${title}: ${status}, with the reason, and nothing is left`, async () => {
      await using closing = await closingServer();
      const { home, port } = await sceneFor(sshd, (await to?.()) ?? `127.0.0.1:${closing.port}`, "", host);
      const finished = await run(form, home, "work");
      assert.match(finished.stderr, new RegExp(`^preauth: work.*${reason.source}`));
      assert.equal(finished.status, status);
      await poll(
        async () => await isFree(port),
        "a free port",
        () => home.log(),
      );
      home[Symbol.dispose]();
    });
  }

  test("a server that allows no forwarding: 69, with the reason", async () => {
    await using strict = await startSshd({ config: ["AllowTcpForwarding no"] });
    const { home } = await sceneFor(strict, target());
    const { status, stderr } = await run(form, home, "work");
    assert.match(
      stderr,
      /^preauth: work: forward "smtp": no connection to \S+: the server does not allow forwarding/,
    );
    assert.equal(status, 69);
    home[Symbol.dispose]();
  });

  test("a port of another user's: 69, with its owner", { skip: withoutRoot }, async () => {
    await using other = await startListener({ uid: STRANGER });
    const { home } = await sceneFor(sshd, target(), "", {}, other.port);
    const { status, stderr } = await run(form, home, "work");
    assert.match(
      stderr,
      /^preauth: work: forward "smtp": port \d+ is in use by uid 12345: perl .*\npreauth: hint: /,
    );
    assert.equal(status, 69);
    home[Symbol.dispose]();
  });

  test("a server without a forward, or not in the table, is told", async () => {
    const { home } = await sceneFor(sshd, target(), 'via = "other"');
    const none = await run(form, home, "work");
    assert.match(none.stderr, /^preauth: work: the table has no \[\[forward\]\] for it\n/);
    assert.equal(none.status, 78);
    assert.equal((await run(form, home, "elsewhere")).status, 1);
    home[Symbol.dispose]();
  });

  test("its words are checked", async () => {
    const { home } = await sceneFor(sshd, target());
    for (const words of [
      ["work", "--for"],
      ["work", "--for", "soon"],
      ["work", "--for", "1s", "--for", "2s"],
      [],
    ]) {
      assert.equal((await run(form, home, ...words)).status, 64, words.join(" "));
    }
    assert.equal((await run(form, home, "work", "joe", "imap")).status, 64);
    assert.equal((await run(form, home, "work", "--until", "1s")).status, 64);
    home[Symbol.dispose]();
  });

  test("compression works with it", async () => {
    const { home, port } = await sceneFor(sshd, target(), "", { compression: true });
    assert.equal((await run(form, home, "work", "--for", "20s")).status, 0);
    const client = await connected(port);
    client.end();
    assert.equal(await heard(client), "220 mail.test ESMTP\r\n");
    signal(keeperOf(home), "SIGTERM");
    home[Symbol.dispose]();
  });

  test("at a path in a directory that others can write listens nowhere, makes nothing, and says why", async () => {
    const { home } = await sceneFor(sshd, target());
    const open = join(home.path, "open");
    mkdirSync(open);
    chmodSync(open, 0o777);
    const table = readFileSync(home.tableFile, "utf8").replace(
      /listen = \d+/,
      `listen = "${open}/mail.sock"`,
    );
    home.writeTable(table);
    const why = `it is below ${open}, which is writable by group or others (mode 0777)`;
    const { status, stderr } = await run(form, home, "work");
    assert.equal(status, 69);
    assert.equal(
      stderr,
      `preauth: work: forward "smtp": cannot listen on socket "${open}/mail.sock": ${why}\npreauth: hint: chmod go-w ${open}\n`,
    );
    assert.deepEqual(readdirSync(open), []);
    const explained = await runCall([...form.argv, "--explain", "work"], { env: home.env, stdio: "pipes" });
    assert.match(
      explained.output.toString(),
      /cannot listen on socket .* which is writable by group or others/,
    );
    assert.match(explained.output.toString(), /hint: chmod go-w /);
    chmodSync(open, 0o1777);
    const held = await run(form, home, "work", "--for", "100ms");
    assert.deepEqual([held.status, held.stderr], [0, ""]);
    home[Symbol.dispose]();
  });
});
