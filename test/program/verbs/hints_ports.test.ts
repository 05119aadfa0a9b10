import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { Duplex } from "node:stream";
import { describe, test } from "node:test";
import { connect, createServer } from "node:tls";
import { describeForms, forms } from "../../peers/binaries.ts";
import { runCall, startCall } from "../../peers/call.ts";
import { makeCertificate } from "../../peers/certificate.ts";
import { type HostLines, makeHome, tableFor } from "../../peers/home.ts";
import { PASSWORD, startLoginServer } from "../../peers/login_server.ts";
import { inNetworkOf, NETWORK_APART, skipWithoutNetworks } from "../../peers/network.ts";
import { Received } from "../../peers/received.ts";
import { startSshd } from "../../peers/sshd.ts";
import { closingServer } from "../../peers/tcp.ts";
import { freePort } from "../../unit/forwards/fixtures.ts";
import { check } from "./hinted.ts";
import { mailbox, sshd } from "./own_server.ts";

/* Hints about ports and the network, each followed in the state that it is for. The form matters for the last alone. */

const [form = assert.fail("no form")] = forms;

describe("hints about a port that does not greet", { concurrency: 2 }, () => {
  const table = (line: string, keys: HostLines = {}) =>
    `${tableFor(sshd, { match: "work", ...keys })}${line}\n`;

  test("lead to a server without TLS in place of one that closes", async () => {
    await using closing = await closingServer();
    await using server = await startLoginServer("imap", mailbox, await freePort());
    using home = makeHome();
    const at = (port: number) =>
      home.writeTable(table(`commands.imap = { to = "127.0.0.1:${port}", login = "client" }`));
    at(closing.port);
    const { status, hints } = await check(form, home);
    assert.equal(status, 69);
    assert.deepEqual(hints, ["commands.imap must lead to an IMAP server without TLS"]);
    at(server.port);
    const input = `a LOGIN jane ${PASSWORD}\r\nb SELECT INBOX\r\nc LOGOUT\r\n`;
    const argv = [...form.argv, "work", sshd.user, "imap"];
    const { output } = await runCall(argv, { env: home.env, stdio: "pipes", input });
    assert.match(String(output), /^\* 3 EXISTS\r$/m);
  });

  test("give one that begins with TLS a METHOD of its own", async () => {
    using home = makeHome();
    const { certificate, key } = makeCertificate(home.path);
    const identity = { key: readFileSync(key), cert: readFileSync(certificate) };
    const server = createServer(identity, (socket) => void socket.end("* OK by TLS\r\n"));
    server.on("tlsClientError", () => {});
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const to = `{ to = "127.0.0.1:${(server.address() as AddressInfo).port}" }`;
    // Time enough for the login on a machine with much to do.
    home.writeTable(table(`commands.imap = ${to}`, { deadline: "4s" }));
    const { status, hints } = await check(form, home);
    assert.equal(status, 69);
    const [, line = "", method = ""] =
      /^a port that begins with TLS, .*: give it a METHOD of its own, such as (commands\.(\w+))$/m.exec(
        hints.join("\n"),
      ) ?? [];
    home.writeTable(table(`${line} = ${to}`));
    const argv = [...form.argv, "work", sshd.user, method];
    await using call = await startCall(argv, { env: home.env, stdio: "pipes", collect: false });
    const socket = Duplex.from({ readable: call.stdout, writable: call.stdin });
    const secured = connect({ socket, ca: identity.cert, servername: "localhost" });
    await new Received(secured, "the TLS connection").until(/^\* OK by TLS\r\n/);
    secured.destroy();
    server.close();
  });
});

describeForms("hints about a network that is away", (own) => {
  test("see whether this machine is online", { skip: skipWithoutNetworks() }, async () => {
    // An address for documentation (RFC 5737), which nobody has.
    const address = "192.0.2.1";
    const reach = (verb: string) => ["ip", "address", verb, `${address}/32`, "dev", "lo"];
    const online = [...NETWORK_APART, "sh", "-c", `${reach("add").join(" ")} && exec "$@"`, "sh"];
    await using apart = await startSshd({ under: online, listen: [address] });
    using home = makeHome();
    const known_hosts = home.write("known_hosts", `* ${apart.hostKeys[0]?.line}\n`);
    home.writeTable(tableFor(apart, { match: "work", "commands.imap": mailbox.command, known_hosts }));
    const [enter = "", ...inside] = inNetworkOf(apart.pid);
    const there = { ...own, argv: [enter, ...inside, ...own.argv] };
    execFileSync(enter, [...inside, ...reach("delete")]);
    const { status, stderr, hints } = await check(there, home);
    assert.equal(status, 69);
    assert.match(stderr, /the network is unreachable/);
    assert.deepEqual(hints, ["see whether this machine is online"]);
    execFileSync(enter, [...inside, ...reach("add")]);
    assert.equal((await check(there, home)).status, 0);
  });

  test("say so of a machine that is away from a network that is there", {
    skip: skipWithoutNetworks(),
  }, async () => {
    using home = makeHome();
    home.writeTable(tableFor({ ...sshd, host: "198.51.100.77" }, { match: "work", deadline: "9s" }));
    const cable = [
      "ip link add near type veth peer name far",
      "ip address add 198.51.100.1/24 dev near",
      "ip link set near up && ip link set far up",
    ].join(" && ");
    const argv = [...NETWORK_APART, "sh", "-c", `${cable} && exec "$@"`, "sh", ...own.argv];
    const { status, stderr, hints } = await check({ ...own, argv }, home);
    assert.equal(status, 69);
    assert.match(stderr, /no route to the host \(198\.51\.100\.77 port \d+\)/);
    assert.deepEqual(hints, ["see whether this machine is online"]);
  });
});
