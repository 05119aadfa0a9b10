import assert from "node:assert/strict";
import { before, test } from "node:test";
import { describeForms } from "../../peers/binaries.ts";
import { type Call, startCall } from "../../peers/call.ts";
import { hostTable, makeHome } from "../../peers/home.ts";
import type { Stdio } from "../../peers/plumbing.ts";
import { refusingPort } from "../../peers/tcp.ts";
import { converse, MAIL, refusal, told } from "./client.ts";

/** Where nobody but an IMAP parser, or nobody at all, would read a line on standard error. */
const SPOKEN_TO_IN_IMAP: readonly Stdio[] = ["alpine", "devnull", "closed-stderr"];
const SPOKEN_TO_IN_WORDS: readonly Stdio[] = ["pipes", "socketpair"];

let port: number;
before(async () => {
  port = await refusingPort();
});

/** A server that refuses connections, and what is said of it. */
function unavailable(on_failure?: string): { readonly table: string; readonly reason: string } {
  const keys = {
    match: "mail.test",
    server: "127.0.0.1",
    port,
    ssh_config: "none",
    known_hosts: "/dev/null",
  };
  return {
    table: hostTable({ ...keys, on_failure }),
    reason: `mail.test: connection refused (127.0.0.1 port ${port})`,
  };
}

describeForms("on_failure", { concurrency: 3 }, (form) => {
  const argv = [...form.argv, ...MAIL];
  const dialogues: readonly (readonly [string | undefined, (reason: string) => string])[] = [
    ["refuse", refusal],
    [undefined, refusal],
    ["tell", told],
    ["silent", () => ""],
  ];

  for (const [on_failure, dialogue] of dialogues) {
    test(`${on_failure ?? "that is not given"}: what an IMAP client reads, and not a byte more`, async () => {
      using home = makeHome();
      const { table, reason } = unavailable(on_failure);
      home.writeTable(table);
      for (const stdio of SPOKEN_TO_IN_IMAP) {
        const { status, output } = await converse(argv, { env: home.env, stdio });
        assert.deepEqual([status, output.toString("latin1")], [69, dialogue(reason)], stdio);
      }
    });
  }

  for (const on_failure of ["refuse", "tell", "silent"]) {
    test(`${on_failure}: one line where standard error is another file, and an empty stream`, async () => {
      using home = makeHome();
      const { table, reason } = unavailable(on_failure);
      home.writeTable(table);
      for (const stdio of SPOKEN_TO_IN_WORDS) {
        const { status, output, stderr } = await converse(argv, { env: home.env, stdio });
        assert.deepEqual(
          [status, output.toString("latin1"), stderr],
          [69, "", `preauth: ${reason}\n`],
          stdio,
        );
      }
    });

    test(`${on_failure}: the line and a hint on a terminal`, async () => {
      using home = makeHome();
      const { table, reason } = unavailable(on_failure);
      home.writeTable(table);
      const { status, output } = await converse(argv, { env: home.env, stdio: "terminal" });
      const hint =
        "preauth: hint: see whether sshd runs on the server and on this port, and whether this machine is online\r\n";
      assert.deepEqual([status, output.toString("latin1")], [69, `preauth: ${reason}\r\n${hint}`]);
    });
  }

  test("refuse: the first command is waited for, and its tag given back", async () => {
    using home = makeHome();
    const { table, reason } = unavailable();
    home.writeTable(table);
    await using call = await startCall(argv, { env: home.env });
    const { input: greeting } = await call.readUntil(/^\* PREAUTH \[CAPABILITY IMAP4rev1\] preauth\r\n/);
    call.write("000");
    call.write("00001 SELECT {5}\r\nINBOX\r\n00000002 LOGOUT\r\n");
    const { status, output } = await call.finished();
    const rest = `* BYE preauth: ${reason}\r\n00000001 NO preauth: ${reason}\r\n`;
    assert.deepEqual([status, output.toString("latin1")], [69, greeting + rest]);
  });

  test("refuse: a command that came early is answered", async () => {
    using home = makeHome();
    const { table, reason } = unavailable();
    home.writeTable(table);
    await using call = await startCall(argv, { env: home.env });
    call.write("A7 CAPABILITY\r\n");
    call.end();
    const { status, output } = await call.finished();
    assert.deepEqual([status, output.toString("latin1")], [69, refusal(reason)]);
  });

  const departures: readonly (readonly [name: string, status: number, leave: (call: Call) => void])[] = [
    ["ends its input", 69, (call) => call.end()],
    ["closes everything", 69, (call) => call.hangUp()],
    ["sends SIGTERM", 143, (call) => call.signal("SIGTERM")],
    ["sends SIGHUP", 129, (call) => call.signal("SIGHUP")],
  ];
  for (const [name, status, leave] of departures) {
    test(`refuse: a client that ${name} instead of a command is not kept waiting`, async () => {
      using home = makeHome();
      home.writeTable(unavailable().table);
      await using call = await startCall(argv, { env: home.env });
      const { input: greeting } = await call.readUntil(/^\* PREAUTH .*\r\n/);
      leave(call);
      assert.equal((await call.exited(2_000)).status, status);
      assert.equal(call.output.toString("latin1"), greeting);
    });
  }
});
