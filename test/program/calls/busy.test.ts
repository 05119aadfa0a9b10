import assert from "node:assert/strict";
import { connect } from "node:net";
import { test } from "node:test";
import { describeForms } from "../../peers/binaries.ts";
import { type HostLines, makeHome } from "../../peers/home.ts";
import { type Sshd, startSshd } from "../../peers/sshd.ts";
import { closingServer, type Listener, listen } from "../../peers/tcp.ts";
import { endAll, startMail } from "../stream/mail_call.ts";
import { throughTable } from "../stream/places.ts";
import { GREET } from "../stream/stream.ts";
import { converse, MAIL, refusal } from "./client.ts";

/** Closes the first connection and passes those after it on. */
function closingFirst(sshd: Sshd): Promise<Listener> {
  let count = 0;
  return listen((client) => {
    if (count++ === 0) return void client.end();
    const server = connect({ host: sshd.host, port: sshd.port, allowHalfOpen: true });
    server.on("error", () => client.destroy());
    client.pipe(server).pipe(client);
  });
}

const CAT: HostLines = { "commands.imap": `${GREET}; exec cat` };

describeForms("a connection that is closed before the server's version line", (form) => {
  for (const share of [false, true]) {
    const how = share ? "shared" : "not shared";

    test(`is tried once more, ${how}`, async () => {
      using home = makeHome();
      await using sshd = await startSshd();
      await using gate = await closingFirst(sshd);
      home.writeTable(throughTable(home, sshd, gate, { ...CAT, share }));
      await using call = await startMail(form, home);
      await call.readUntil(/^\* PREAUTH ready\r\n/);
      assert.equal(gate.connections, 2);
      assert.match(home.log(), /closed the connection \(before it sent its SSH version\): once more/);
      endAll(home);
    });

    test(`is the failure the second time, ${how}`, async () => {
      using home = makeHome();
      await using sshd = await startSshd();
      await using closing = await closingServer();
      home.writeTable(throughTable(home, sshd, closing, { ...CAT, share }));
      const { output, status } = await converse([...form.argv, ...MAIL], { env: home.env });
      const reason = "mail.test: the server closed the connection (before it sent its SSH version)";
      assert.equal(output.toString(), refusal(reason));
      assert.equal(status, 69);
      assert.equal(closing.connections, 2);
      endAll(home);
    });
  }

  test("since sshd has enough unfinished logins (MaxStartups) is tried once more", async () => {
    using home = makeHome();
    await using sshd = await startSshd({ config: ["MaxStartups 1"] });
    const first = connect(sshd.port, sshd.host);
    await sshd.logged(/Connection from/);
    // The second attempt may be as quick as it likes: it comes to a server that has room.
    const roomy = async (): Promise<void> => {
      await sshd.logged(/MaxStartups|drop connection/);
      first.destroy();
      await sshd.idle();
    };
    let count = 0;
    await using gate = await listen(async (client) => {
      client.pause();
      if (count++ > 0) await roomy();
      const server = connect({ host: sshd.host, port: sshd.port, allowHalfOpen: true });
      server.on("error", () => client.destroy());
      client.pipe(server).pipe(client);
    });
    home.writeTable(throughTable(home, sshd, gate, CAT));
    await using call = await startMail(form, home);
    await call.readUntil(/^\* PREAUTH ready\r\n/);
    assert.equal(gate.connections, 2);
    assert.match(home.log(), /before it sent its SSH version\).*: once more/);
  });

  test("with the words of a punishment is not tried again", async () => {
    using home = makeHome();
    await using sshd = await startSshd();
    await using punishing = await listen((socket) => void socket.end("Not allowed at this time\r\n"));
    home.writeTable(throughTable(home, sshd, punishing, CAT));
    const { output } = await converse([...form.argv, ...MAIL], { env: home.env });
    assert.match(output.toString(), /it said "Not allowed at this time"/);
    assert.equal(punishing.connections, 1);
  });

  test("is not awaited beyond the deadline", async () => {
    using home = makeHome();
    await using sshd = await startSshd();
    await using closing = await closingServer();
    home.writeTable(throughTable(home, sshd, closing, { ...CAT, deadline: "90ms" }));
    const { output, status } = await converse([...form.argv, ...MAIL], { env: home.env });
    assert.match(output.toString(), /A7 NO preauth: mail\.test: timed out .* after 90 ms\r\n$/);
    assert.equal(status, 69);
  });
});
