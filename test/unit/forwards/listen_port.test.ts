import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import type { Socket } from "node:net";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { listenOnPort, type PortOutcome } from "../../../src/forwards/listen_port.ts";
import { lacksRight } from "../../../src/forwards/probe.ts";
import { SocketTables } from "../../../src/forwards/socket_tables.ts";
import type { Sought } from "../../../src/forwards/tcp_table.ts";
import { listen, silentServer } from "../../peers/tcp.ts";
import { makeTemporary, removeTemporary } from "../../peers/temporary.ts";
import { freePort, OWN, runClient, STRANGER, startListener, withoutRoot, withoutSix } from "./fixtures.ts";

let folder = "";
before(() => {
  folder = makeTemporary();
});
after(() => removeTemporary(folder));

const options = { tables: new SocketTables(), uid: OWN };
const greet = (socket: Socket): void => void socket.end(socket.remoteAddress ?? "");

/** Runs `work` while a port is held, and gives it up. */
async function held(port: number, work: (outcome: PortOutcome) => Promise<void> | void): Promise<void> {
  const outcome = await listenOnPort(port, options, greet);
  try {
    await work(outcome);
  } finally {
    if (outcome.kind === "held") outcome.listening.close();
  }
}

test("both loopbacks are held, and free again after closing", { skip: withoutSix }, async () => {
  const port = await freePort();
  for (let round = 0; round < 2; round++) {
    await held(port, async (outcome) => {
      assert.ok(outcome.kind === "held" && outcome.second.kind === "held");
      assert.equal(await runClient({ address: "127.0.0.1", port }), "127.0.0.1");
      assert.equal(await runClient({ address: "::1", port }), "::1");
    });
    assert.match(await runClient({ address: "127.0.0.1", port }), /^connect: 111/);
    assert.match(await runClient({ address: "::1", port }), /^connect: 111/);
  }
});

test("no other address is listened on", async () => {
  const port = await freePort();
  await held(port, async () => {
    const six = { address: "::", port: 0 };
    const listening = async (address: string, nobody = six): Promise<number> => {
      let found: Sought = { rows: [] };
      await options.tables.tcp((search) => {
        found = search.add({ address, port }, nobody);
      });
      return found.rows.filter((row) => row.isListening).length;
    };
    const four = { address: "0.0.0.0", port: 0 };
    assert.deepEqual([await listening("127.0.0.1", four), await listening("0.0.0.0", four)], [1, 0]);
    assert.deepEqual([await listening("::1"), await listening("::")], [withoutSix ? 0 : 1, 0]);
    for (const { address } of Object.values(networkInterfaces()).flatMap((list) => list ?? [])) {
      if (address !== "127.0.0.1" && address.includes(".")) assert.equal(await listening(address, four), 0);
    }
  });
});

test("a port that this process has is in use by the same user", async () => {
  await using taken = await silentServer({ port: await freePort() });
  await held(taken.port, (outcome) => {
    assert.ok(outcome.kind === "taken" && outcome.by.kind === "same-user");
    assert.equal(outcome.by.program?.pid, process.pid);
  });
});

test("another program of the same user is named", async () => {
  await using other = await startListener();
  await held(other.port, (outcome) => {
    const by = { kind: "same-user", uid: OWN, program: { pid: other.pid, name: "perl" } };
    assert.deepEqual(outcome, { kind: "taken", by });
  });
});

test("a preauth of the same user is known by its program", async () => {
  await using other = await startListener({ called: "/usr/bin/preauth" });
  await held(other.port, (outcome) => {
    const by = { kind: "ours", program: { pid: other.pid, name: "preauth" } };
    assert.deepEqual(outcome, { kind: "taken", by });
  });
});

test("another user's listener is told by its uid, even when it is called preauth", {
  skip: withoutRoot,
}, async () => {
  for (const host of ["127.0.0.1", "0.0.0.0", "::"]) {
    await using other = await startListener({ host, uid: STRANGER, called: "/usr/bin/preauth" });
    await held(other.port, (outcome) => {
      assert.ok(outcome.kind === "taken" && outcome.by.kind === "another-user", host);
      assert.equal(outcome.by.uid, STRANGER);
    });
  }
});

test("a port whose ::1 another user has is held by half", { skip: withoutRoot || withoutSix }, async () => {
  await using other = await startListener({ host: "::1", uid: STRANGER });
  await held(other.port, (outcome) => {
    assert.ok(outcome.kind === "held" && outcome.second.kind === "taken");
    assert.ok(outcome.second.by.kind === "another-user" && outcome.second.by.uid === STRANGER);
  });
});

test("who does not get 127.0.0.1 leaves ::1 alone", { skip: withoutSix }, async () => {
  await using taken = await silentServer({ port: await freePort() });
  await held(taken.port, async () => {
    await using six = await listen(() => {}, { host: "::1", port: taken.port });
    assert.equal(six.port, taken.port);
  });
});

test("without a table of sockets a taken port is taken by who knows whom", async () => {
  await using taken = await silentServer({ port: await freePort() });
  for (const tables of [new SocketTables({ platform: "freebsd" }), new SocketTables({ proc: "/nowhere" })]) {
    const outcome = await listenOnPort(taken.port, { ...options, tables }, greet);
    assert.deepEqual(outcome, { kind: "taken", by: { kind: "untold" } });
  }
});

/** A /proc that says from which port on nobody needs a right, and which capabilities this process has. */
function procWith(start: string, effective: string): string {
  const proc = mkdtempSync(join(folder, "proc-"));
  mkdirSync(join(proc, "sys/net/ipv4"), { recursive: true });
  mkdirSync(join(proc, "self"));
  writeFileSync(join(proc, "sys/net/ipv4/ip_unprivileged_port_start"), `${start}\n`);
  writeFileSync(join(proc, "self/status"), `Name:\tnode\nCapPrm:\t0\nCapEff:\t${effective}\nCapBnd:\t0\n`);
  return proc;
}

test("the right to a low port is missing without its capability, where the system asks for one", async () => {
  const bindService = "0000000000000400";
  const nothing = "0000000000000000";
  assert.equal(await lacksRight(25, procWith("1024", nothing)), true);
  assert.equal(await lacksRight(1023, procWith("1024", "000001fffffffbff")), true);
  assert.equal(await lacksRight(25, procWith("1024", bindService)), false);
  assert.equal(await lacksRight(25, procWith("1024", "000001ffffffffff")), false);
  assert.equal(await lacksRight(1024, procWith("1024", nothing)), false);
  assert.equal(await lacksRight(25, procWith("0", nothing)), false);
  assert.equal(await lacksRight(25, "/nowhere"), false);
});
