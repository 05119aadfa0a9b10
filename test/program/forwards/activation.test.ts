import assert from "node:assert/strict";
import { lstatSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type Activated, startActivated, startBySystemd } from "../../peers/activation.ts";
import { describeForms } from "../../peers/binaries.ts";
import { runCall } from "../../peers/call.ts";
import { type ImapClient, imapClient } from "../../peers/imap_client.ts";
import { speakingServer } from "../../peers/tcp.ts";
import { makeTemporary, removeTemporary } from "../../peers/temporary.ts";
import { poll } from "../../peers/waiting.ts";
import { freePort, runClient, STRANGER, withoutRoot } from "../../unit/forwards/fixtures.ts";
import { descriptorsOf } from "../master/shared_home.ts";
import { GREETED, type InboxScene, inboxScene } from "./inbox.ts";

const TIMEOUT = { timeout: 60_000 };

/** preauth --forward with sockets at these places. */
function activate(
  on: InboxScene,
  places: readonly string[],
  words: readonly string[],
  mode?: string,
): Activated {
  const { form, home } = on.scene;
  return startActivated([...form.argv, "--forward", "mail.test", ...words], places, home.env, mode);
}

/** A client; the place may not be there yet. */
const connectedTo = (place: number | string): Promise<ImapClient> =>
  poll(() => imapClient(place).catch(() => undefined), `a connection to ${place}`);

describeForms("--forward with a service manager's sockets", { concurrency: 3 }, (form) => {
  test("serves them over the connection of the calls, for as long as they are used", TIMEOUT, async () => {
    await using on = await inboxScene(form);
    const places = [`127.0.0.1:${on.place}`, `[::1]:${on.place}`];
    const mailbox = await on.scene.open();
    // The call has brought the forward up: its port is to be the manager's.
    await on.scene.logged(/forward "inbox": carries/);
    mailbox.end();
    await mailbox.finished();
    await on.scene.run("--stop", "--now");
    await using service = activate(on, places, ["--for", "1s"]);
    using one = await connectedTo(Number(on.place));
    await one.until(GREETED);
    using six = await imapClient({ host: "::1", port: Number(on.place) });
    await six.until(GREETED);
    const status = await on.scene.statusOnce(
      ({ connections }) => connections[0]?.sessions === 2,
      "two sessions",
    );
    assert.equal(status.connections.length, 1);
    // It holds no socket of the manager's that would keep the port.
    const sockets = descriptorsOf(await on.scene.master()).filter((name) => name.startsWith("socket:"));
    const given = descriptorsOf(service.pid).filter((name) => name.startsWith("socket:"));
    assert.deepEqual(
      sockets.filter((name) => given.includes(name)),
      [],
    );
    for (const client of [one, six]) {
      client.say("a LOGOUT\r\n");
      assert.match(await client.ended(), /^a OK /m);
      client.end();
    }
    assert.equal(await service.ended(), 0);
    assert.equal(service.stderr, "");
    assert.equal(on.scene.sshd.logins(), 2);
  });

  test("has a Unix socket of mode 0600, which it leaves where it is", TIMEOUT, async () => {
    const folder = makeTemporary();
    const path = join(folder, "inbox");
    await using on = await inboxScene(form, { listen: path });
    await using open = activate(on, [path], [], "0666");
    assert.equal(await open.ended(), 78);
    assert.match(open.stderr, /^preauth: socket ".*inbox": others can connect to it\n/);
    assert.match(open.stderr, /SocketMode=0600/);
    removeTemporary(folder);

    const other = makeTemporary();
    const place = join(other, "inbox");
    const { home } = on.scene;
    home.writeTable(readFileSync(home.tableFile, "utf8").replace(path, place));
    await using service = activate(on, [place], ["--for", "forever"]);
    using one = await connectedTo(place);
    await one.until(GREETED);
    service.terminate();
    assert.equal(await service.ended(), 0);
    assert.equal(lstatSync(place).isSocket(), true);
    removeTemporary(other);
  });

  test("has them from systemd-socket-activate, whatever it calls them", TIMEOUT, async () => {
    const folder = makeTemporary();
    const path = join(folder, "inbox");
    symlinkSync(folder, `${folder}-link`);
    const own = `listen = "${folder}-link/inbox"\nmethod = "imap"\nvia = "mail.test"\n`;
    await using on = await inboxScene(form, { table: `[[forward]]\nname = "socket"\n${own}` });
    const places = [`127.0.0.1:${on.place}`, `[::1]:${on.place}`, path];
    const words = [...form.argv, "--forward", "mail.test", "--for", "forever"];
    await using service = startBySystemd(words, places, on.scene.home.env);
    for (const place of [Number(on.place), { host: "::1", port: Number(on.place) }, path]) {
      using one = await poll(() => imapClient(place).catch(() => undefined), "a connection");
      await one.until(GREETED);
    }
    // To connect takes the right to write.
    assert.equal(lstatSync(path).mode & 0o777, 0o644);
    service.terminate();
    assert.equal(await service.ended(), 0);
    for (const name of [folder, `${folder}-link`]) removeTemporary(name);
  });

  test("refuses a descriptor at which nobody listens", TIMEOUT, async () => {
    await using on = await inboxScene(form);
    const line = 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$@" 3</dev/null';
    const words = ["/bin/sh", "-c", line, "sh", ...form.argv, "--forward", "mail.test"];
    const { status, stderr } = await runCall(words, { env: on.scene.home.env, stdio: "pipes" });
    assert.equal(status, 78);
    assert.match(
      stderr,
      /^preauth: LISTEN_FDS: descriptor 3 is not a listening socket \(E[A-Z]+\)\npreauth: hint: Accept=no /,
    );
  });

  test("tells why there is no mailbox, and stays", TIMEOUT, async () => {
    await using on = await inboxScene(form);
    const { home, sshd } = on.scene;
    const known = home.write("known", "");
    home.writeTable(readFileSync(home.tableFile, "utf8").replace(sshd.knownHosts, known));
    await using service = activate(on, [`127.0.0.1:${on.place}`], ["--for", "forever"]);
    using one = await connectedTo(Number(on.place));
    assert.match(await one.ended(), /^\* BYE preauth: mail\.test: host key [^\r\n]*\r\n$/);
    writeFileSync(known, readFileSync(sshd.knownHosts));
    using again = await connectedTo(Number(on.place));
    await again.until(GREETED);
    service.terminate();
    assert.equal(await service.ended(), 0);
  });

  test("lets no other user in", { ...TIMEOUT, skip: withoutRoot }, async () => {
    await using on = await inboxScene(form);
    await using _service = activate(on, [`127.0.0.1:${on.place}`], ["--for", "forever"]);
    const client = { address: "127.0.0.1", port: Number(on.place), say: "a LOGOUT\r\n" };
    using one = await connectedTo(Number(on.place));
    await one.until(GREETED);
    assert.equal(await runClient({ ...client, uid: STRANGER }), "");
    await on.scene.logged(/forward "inbox": refused a connection: it is uid 12345's/);
  });

  test("carries to a place too, and anew when its connection was lost", TIMEOUT, async () => {
    await using smtp = await speakingServer("220 mail.test\r\n");
    const port = await freePort();
    const table = `[[forward]]\nname = "smtp"\nlisten = ${port}\nto = "127.0.0.1:${smtp.port}"\n`;
    await using on = await inboxScene(form, { table });
    await using _service = activate(on, [`127.0.0.1:${port}`], ["--for", "forever"]);
    using one = await connectedTo(port);
    await one.until(/^220 mail\.test\r\n/);
    for (const pid of on.scene.sshd.sessions()) process.kill(pid, "SIGKILL");
    await one.ended();
    using again = await connectedTo(port);
    await again.until(/^220 mail\.test\r\n/);
  });

  test("refuses one that is no forward's", TIMEOUT, async () => {
    await using on = await inboxScene(form);
    const port = await freePort();
    await using service = activate(on, [`127.0.0.1:${port}`], []);
    assert.equal(await service.ended(), 78);
    assert.match(
      service.stderr,
      new RegExp(`^preauth: port ${port}: a socket that no \\[\\[forward\\]\\] names\n`),
    );
  });
});
