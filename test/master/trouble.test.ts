import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { connect } from "node:net";
import { test } from "node:test";
import type { Status } from "../../src/master/protocol.ts";
import { refusal, since } from "../calls/scene.ts";
import { describeForms } from "../peers/binaries.ts";
import { descendantsOf, gone, isAlive, signal } from "../peers/processes.ts";
import type { Sshd } from "../peers/sshd.ts";
import { listen } from "../peers/tcp.ts";
import { throughTable } from "../stream/places.ts";
import { Drain, GREET, GREETING } from "../stream/stream.ts";
import { answers, kill, logout, mastersOf, PREAUTH, startScene } from "./scene.ts";

/** The contract's time to a greeting, in milliseconds. */
const DEADLINE = 10_000;

/** A lost connection's status, as ssh(1) has it. */
const LOST = { status: 255, signal: null };

/** Stops the processes that serve a connection, and nothing else: it is dead, and others can be made. */
function freezeConnections(sshd: Sshd): void {
  for (const pid of sshd.sessions().flatMap((one) => [one, ...descendantsOf(one)])) signal(pid, "SIGSTOP");
}

/** An ssh_config that asks every second for a sign of life. */
const ALIVE = "Host *\n  ServerAliveInterval 1\n  ServerAliveCountMax 2\n";

/** A proxy that passes on so few bytes of the server's at a time that the answer to a ping comes far too late. */
function throttled(sshd: Sshd, bytesPerTurn: number, turn: number) {
  return listen((client) => {
    const server = connect({ host: sshd.host, port: sshd.port, noDelay: true });
    server.on("error", () => client.destroy());
    client.on("data", (piece) => void server.write(piece));
    client.on("close", () => server.destroy());
    const timer = setInterval(() => {
      const piece = server.read(Math.min(bytesPerTurn, server.readableLength)) as Buffer | null;
      if (piece !== null && client.writable) client.write(piece);
    }, turn);
    server.on("close", () => {
      clearInterval(timer);
      client.destroy();
    });
  });
}

describeForms("a master that", { concurrency: 4 }, (form) => {
  test("is stopped costs a second: the call goes without, and once it goes on it is used again", async () => {
    await using scene = await startScene(form);
    const first = await scene.open();
    const pid = await scene.master();
    signal(pid, "SIGSTOP");
    const second = await scene.start();
    await second.readUntil(PREAUTH, DEADLINE);
    assert.ok(since(second) < 5000, `${since(second)} ms`);
    assert.match(scene.home.log(), /master: no answer within a second: going on without/);
    assert.equal(scene.sshd.logins(), 2);
    await answers(second, "a1");
    signal(pid, "SIGCONT");
    await answers(first, "a1");
    await answers(await scene.open(), "a1");
    assert.equal(scene.sshd.logins(), 2);
  });

  test("is killed takes its mailboxes along, and the next call starts another", async () => {
    await using scene = await startScene(form);
    const calls = [await scene.open({ stdio: "pipes" }), await scene.open()];
    await kill(await scene.master());
    for (const call of calls) {
      const { status, output, stderr } = await call.finished();
      assert.equal(status, 255);
      assert.match(output.toString(), /^\* PREAUTH [^\r\n]*\r\n$/);
      const isHeard = call === calls[0];
      assert.match(stderr, isHeard ? /^preauth: mail\.test: connection lost: .*\n$/ : /^$/);
    }
    await answers(await scene.open(), "a1");
    await scene.sshd.logged(/Accepted [\s\S]*Accepted /);
  });

  test("is killed while calls wait for it leaves them to themselves", async () => {
    await using scene = await startScene(form, { host: { "commands.imap": `sleep 1; ${GREET}; exec cat` } });
    const call = await scene.start();
    await scene.sshd.logged(/Starting session/);
    await kill(mastersOf(scene.home)[0] ?? 0);
    await call.readUntil(/^\* PREAUTH ready\r\n/, DEADLINE);
    assert.match(scene.home.log(), /master: .*: going on without/);
  });

  test("has lost its socket lets a new one take over, and leaves that one's alone", async () => {
    await using scene = await startScene(form);
    const first = await scene.open();
    const { pid, socket } = (await scene.status()) ?? { pid: 0, socket: "" };
    rmSync(socket);
    const second = await scene.open();
    assert.equal((await scene.status())?.socket, socket);
    signal(pid, "SIGTERM");
    assert.deepEqual(await first.exited(), LOST);
    await gone(pid);
    await answers(second, "a1");
    await answers(await scene.open(), "a1");
    assert.equal(scene.sshd.logins(), 2);
  });
});

// They wait, most of the time.
describeForms("a connection that", { concurrency: 12 }, (form) => {
  test("is frozen: the next call has another one, and its mailboxes end as lost", async () => {
    await using scene = await startScene(form);
    scene.home.writeTable(
      throughTable(scene.home, scene.sshd, scene.sshd, {
        share: true,
        "commands.imap": `${GREET}; exec cat`,
        ssh_config: scene.home.write("ssh_config", ALIVE),
      }),
    );
    const first = await scene.open();
    freezeConnections(scene.sshd);
    const second = await scene.start();
    await second.readUntil(PREAUTH, DEADLINE);
    assert.deepEqual(await first.exited(DEADLINE), LOST);
    assert.match(first.output.toString(), /^\* PREAUTH [^\r\n]*\r\n$/);
    assert.match(scene.home.log(), /connection lost: "?not a byte from the server for 2 s/);
    second.write("hello\r\n");
    await second.readUntil(/hello/);
    assert.equal(scene.sshd.logins(), 2);
  });

  test("is frozen when nobody uses it: the next call has another one within its deadline", async () => {
    await using scene = await startScene(form);
    assert.equal(await logout(await scene.open()), 0);
    freezeConnections(scene.sshd);
    const call = await scene.start();
    await call.readUntil(PREAUTH, DEADLINE);
    await answers(call, "a1");
    assert.equal(scene.sshd.logins(), 2);
  });

  test("is slow, but brings bytes, is not ended", { timeout: 60_000 }, async () => {
    await using scene = await startScene(form);
    await using proxy = await throttled(scene.sshd, 8192, 100);
    scene.home.writeTable(
      throughTable(scene.home, scene.sshd, proxy, {
        share: true,
        "commands.imap": `${GREET}; exec cat /dev/zero`,
        ssh_config: scene.home.write("ssh_config", ALIVE),
      }),
    );
    const call = await scene.start({ collect: false });
    const drain = new Drain(call.stdout, GREETING.length);
    // More than twice as long as a connection may be silent.
    await drain.reached(5 * 80 * 1024, 50_000);
    assert.equal(isAlive(call.pid), true);
    assert.equal(scene.sshd.logins(), 1);
  });

  test("is ended by the server ends its mailboxes as lost, at once, and the next call has another", async () => {
    await using scene = await startScene(form);
    const calls = [await scene.open(), await scene.open()];
    for (const pid of scene.sshd.sessions()) signal(pid, "SIGKILL");
    for (const call of calls) assert.deepEqual(await call.exited(DEADLINE), LOST);
    await answers(await scene.open(), "a1");
    assert.equal(scene.sshd.logins(), 2);
  });

  test("is left alone by a server that is restarted goes on", async () => {
    await using scene = await startScene(form);
    const first = await scene.open();
    signal(scene.sshd.pid, "SIGHUP");
    await scene.sshd.logged(/restarting[\s\S]*Server listening/);
    await answers(first, "a1");
    await answers(await scene.open(), "a1");
    assert.equal(scene.sshd.logins(), 1);
  });

  test("is closed by the server since nobody used it is replaced", async () => {
    await using scene = await startScene(form, { sshd: { config: ["UnusedConnectionTimeout 1"] } });
    assert.equal(await logout(await scene.open()), 0);
    await scene.sshd.idle();
    await answers(await scene.open(), "a1");
    assert.equal(scene.sshd.logins(), 2);
    assert.match(scene.home.log(), /mail\.test: the connection has ended/);
  });

  for (const what of ["with a mailbox", "without one"]) {
    test(`is asked by its server for signs of life gives them, ${what}`, async () => {
      const config = ["ClientAliveInterval 1", "ClientAliveCountMax 1"];
      await using scene = await startScene(form, { sshd: { config } });
      const call = await scene.open();
      if (what === "without one") assert.equal(await logout(call), 0);
      const received = ({ connections }: Status): number => connections[0]?.bytesReceived ?? 0;
      const before = received(
        await scene.statusOnce(({ connections }) => connections[0]?.roundTrip, "an answer"),
      );
      // Two questions: the second would not come if the first had not been answered.
      await scene.statusOnce((status) => received(status) > before + 2 * 60, "questions");
      await answers(await scene.open(), "a1");
      assert.equal(scene.sshd.logins(), 1);
    });
  }

  test("loses an idle mailbox to its server goes on: that one has ended as lost", async () => {
    await using scene = await startScene(form, { sshd: { config: ["ChannelTimeout session:command=1"] } });
    const call = await scene.open({ stdio: "pipes" });
    const { status, stderr } = await call.finished();
    assert.equal(status, 255);
    assert.match(stderr, /^preauth: mail\.test: connection lost: "the server closed the channel[^\n]*\n$/);
    await answers(await scene.open(), "a1");
    assert.equal(scene.sshd.logins(), 1);
  });

  test("goes with the network: a reason within the deadline, and mail once that is back", async () => {
    await using scene = await startScene(form, { proxy: true, host: { deadline: "4s" } });
    const first = await scene.open();
    scene.proxy.freeze();
    const second = await scene.start();
    await second.readUntil(PREAUTH, 6000);
    second.write("A7 SELECT INBOX\r\n");
    const { output, status } = await second.finished();
    const [, reason = ""] = /A7 NO preauth: (.*)\r\n/.exec(output.toString()) ?? [];
    assert.match(reason, /^mail\.test: .* took longer than 4 s$/);
    assert.equal(output.toString(), refusal(reason));
    assert.equal(status, 69);
    scene.proxy.thaw();
    await answers(first, "a1");
    await answers(await scene.open(), "a2");
  });

  test("is reset by the network ends its mailboxes as lost, at once, and the next call has another", async () => {
    await using scene = await startScene(form, { proxy: true });
    const first = await scene.open();
    scene.proxy.cut();
    assert.deepEqual(await first.exited(DEADLINE), LOST);
    await answers(await scene.open(), "a1");
    assert.equal(scene.sshd.logins(), 2);
    assert.equal(mastersOf(scene.home).length, 1);
  });
});
