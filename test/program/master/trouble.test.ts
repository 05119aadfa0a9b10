import assert from "node:assert/strict";
import { connect } from "node:net";
import { test } from "node:test";
import type { Status } from "../../../src/control/protocol.ts";
import { describeForms } from "../../peers/binaries.ts";
import { descendantsOf, isAlive, signal } from "../../peers/processes.ts";
import { recentSshd, skipWithoutRecentSshd } from "../../peers/recent_sshd.ts";
import type { Sshd } from "../../peers/sshd.ts";
import { listen, silentServer } from "../../peers/tcp.ts";
import { refusal } from "../calls/client.ts";
import { throughTable } from "../stream/places.ts";
import { Drain, GREET, GREETING } from "../stream/stream.ts";
import { answers, logout, mastersOf, PREAUTH, startScene } from "./shared_home.ts";

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

  test("is one call's own and is frozen ends that call as lost", async () => {
    await using scene = await startScene(form);
    scene.home.writeTable(
      throughTable(scene.home, scene.sshd, scene.sshd, {
        "commands.imap": `${GREET}; exec cat`,
        ssh_config: scene.home.write("ssh_config", ALIVE),
      }),
    );
    const call = await scene.open();
    freezeConnections(scene.sshd);
    assert.deepEqual(await call.exited(DEADLINE), LOST);
    assert.match(scene.home.log(), /connection lost: "?not a byte from the server for 2 s/);
    assert.equal(await scene.status(), null);
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

  test("is slow, but brings bytes, is not ended", { timeout: 120_000 }, async () => {
    await using scene = await startScene(form);
    await using proxy = await throttled(scene.sshd, 8192, 100);
    scene.home.writeTable(
      throughTable(scene.home, scene.sshd, proxy, {
        share: true,
        // The login is as slow as all the rest, on a busy machine more so.
        deadline: "60s",
        "commands.imap": `${GREET}; exec cat /dev/zero`,
        ssh_config: scene.home.write(
          "ssh_config",
          "Host *\n  ServerAliveInterval 3\n  ServerAliveCountMax 2\n",
        ),
      }),
    );
    const call = await scene.start({ collect: false });
    const drain = new Drain(call.stdout, GREETING.length);
    // More than twice as long as a connection may be silent.
    await drain.reached(15 * 80 * 1024, 100_000);
    assert.equal(isAlive(call.pid), true);
    // A call that waits on such a line may have one more connection made.
    assert.ok(scene.sshd.logins() <= 2, scene.home.log());
    assert.doesNotMatch(scene.home.log(), /the connection has ended/);
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

  for (const [title, skip, program] of [
    ["the system's sshd", false, () => undefined],
    ["an sshd of OpenSSH 10", skipWithoutRecentSshd(), recentSshd],
  ] as const) {
    test(`has a session ahead is closed all the same by a server that sees no use of it: ${title}`, {
      skip,
    }, async () => {
      const config = ["UnusedConnectionTimeout 1", "LogLevel DEBUG1"];
      await using scene = await startScene(form, { sshd: { config, program: program() } });
      const calls = [await scene.open(), await scene.open()];
      await scene.sshd.logged(/(confirm session[\s\S]*){3}/);
      for (const call of calls) assert.equal(await logout(call), 0);
      await scene.sshd.idle();
      await answers(await scene.open(), "a1");
      assert.equal(scene.sshd.logins(), 2);
    });

    test(`has a session ahead loses only idle mailboxes to a server that ends those: ${title}`, {
      skip,
    }, async () => {
      const config = ["ChannelTimeout *=6"];
      await using scene = await startScene(form, { sshd: { config, program: program() } });
      for (const call of [await scene.open(), await scene.open()]) {
        assert.deepEqual(await call.exited(DEADLINE), LOST);
      }
      await answers(await scene.open(), "a1");
      assert.equal(scene.sshd.logins(), 1);
    });
  }

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
    await using scene = await startScene(form, { sshd: { config: ["ChannelTimeout session:command=3"] } });
    const call = await scene.open({ stdio: "pipes" });
    const { status, stderr } = await call.finished();
    assert.equal(status, 255);
    assert.match(stderr, /^preauth: mail\.test: connection lost: "the server closed the channel[^\n]*\n$/);
    await answers(await scene.open(), "a1");
    assert.equal(scene.sshd.logins(), 1);
  });

  test("is not answered is waited for by all who want it, each to its deadline, and not by the next", async () => {
    await using scene = await startScene(form);
    await using silent = await silentServer();
    // The time in which a busy machine starts the master is no silence of the server's.
    await scene.open();
    const keys = { share: true, deadline: "6s", command: "true" };
    scene.home.writeTable(throughTable(scene.home, scene.sshd, silent, keys));
    const calls = [await scene.start({ stdio: "pipes" }), await scene.start({ stdio: "pipes" })];
    for (const call of calls) {
      const { status, stderr } = await call.finished(8000);
      assert.match(stderr, /^preauth: mail\.test: timed out waiting for the \w[\w ]* mail\.test after 6 s\n/);
      assert.equal(status, 69);
    }
    await silent.idle();
    const next = await scene.start({ stdio: "pipes" });
    assert.match((await next.finished()).stderr, /: timed out .* after 6 s \(less than 30 s ago\)\n/);
    assert.equal(silent.connections, 1);
  });

  test("goes with the network: a reason within the deadline, and mail once that is back", async () => {
    await using scene = await startScene(form, { proxy: true, host: { deadline: "8s" } });
    const first = await scene.open();
    scene.proxy.freeze();
    const second = await scene.start();
    await second.readUntil(PREAUTH, 12_000);
    second.write("A7 SELECT INBOX\r\n");
    const { output, status } = await second.finished();
    const [, reason = ""] = /A7 NO preauth: (.*)\r\n/.exec(output.toString()) ?? [];
    assert.match(reason, /^mail\.test: timed out .* after 8 s$/);
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
