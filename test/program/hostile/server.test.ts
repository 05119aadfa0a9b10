import assert from "node:assert/strict";
import { statSync } from "node:fs";
import type { Socket } from "node:net";
import { after, before, test } from "node:test";
import { describeForms, type Form } from "../../peers/binaries.ts";
import { startCall } from "../../peers/call.ts";
import { type Home, hostTable, makeHome } from "../../peers/home.ts";
import type { Stdio } from "../../peers/plumbing.ts";
import { type Sshd, startSshd } from "../../peers/sshd.ts";
import { type Listener, listen } from "../../peers/tcp.ts";
import { GREETING, MAIL, refusal, since } from "../calls/client.ts";
import { RAW } from "./fuzz.ts";
import { watchMemory } from "./memory.ts";
import { banner, ESCAPES, KNOWN, STRANGERS } from "./misbehaviour.ts";
import { type Servant, startServant } from "./servant.ts";

let sshd: Sshd;
before(async () => {
  sshd = await startSshd();
});
after(() => sshd.stop());

/** Milliseconds of the table's deadline, and of what an end may take beside it where floods keep the machine busy. */
const DEADLINE = 1500;
const SLACK = 4000;

/** MiB that a call may take at most. An idle one has 50 to 100 in Node. */
const MOST_MEMORY = 260;

/** Bytes of log and log.1 together, whatever is said. */
const MOST_LOG = 9 * 1024 * 1024;

type Known = Pick<Servant, "host" | "port" | "user" | "identity" | "knownHosts">;

/** What came of a call: its status, and all that its client has read. */
interface Outcome {
  readonly status: number | null;
  readonly output: string;
}

/** A call for a server, which must end in time, take no more memory than others, and write nothing raw. */
async function call(form: Form, home: Home, to: Known, stdio: Stdio = "alpine"): Promise<Outcome> {
  const { host, port, user, identity, knownHosts } = to;
  home.writeTable(
    hostTable({
      ...{
        match: "mail.test",
        server: host,
        port,
        user,
        identity,
        known_hosts: knownHosts,
        ssh_config: "none",
      },
      ...{ deadline: `${DEADLINE}ms`, "commands.imap": "imapd" },
    }),
  );
  await using running = await startCall([...form.argv, ...MAIL], { env: home.env, stdio });
  running.write("A7 SELECT INBOX\r\n");
  const finished = running.finished(DEADLINE + SLACK);
  const peak = await watchMemory(running.pid, finished);
  const { status, output } = await finished;
  assert.equal(since(running) < DEADLINE + SLACK, true, `ended after ${since(running)} ms`);
  assert.equal(peak < MOST_MEMORY, true, `${peak} MiB`);
  assert.doesNotMatch(home.log(), RAW);
  assert.equal(logBytes(home) < MOST_LOG, true, `${logBytes(home)} bytes of log`);
  return { status, output: output.toString("latin1") };
}

function logBytes(home: Home): number {
  const size = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  return size(home.logFile) + size(`${home.logFile}.1`);
}

/** The reason that an IMAP client was told. */
function reasonIn({ output }: Outcome): string {
  const [, reason = ""] = /^\* BYE preauth: (.*)\r$/m.exec(output) ?? [];
  assert.equal(output, refusal(reason));
  assert.match(reason, /^[ -~]{1,400}$/);
  return reason;
}

function stranger(service: (socket: Socket) => void): Promise<Listener> {
  return listen((socket) => service(socket));
}

describeForms("a server that", (form) => {
  for (const [what, [service, reason]] of Object.entries(STRANGERS)) {
    test(`${what} ends the call in time, with a reason`, async () => {
      using home = makeHome();
      await using server = await stranger(service);
      const outcome = await call(form, home, { ...sshd, port: server.port, host: server.host });
      assert.equal(outcome.status, 69);
      assert.match(reasonIn(outcome), reason);
    });
  }

  for (const [what, [mischief, reason]] of Object.entries(KNOWN)) {
    test(`is known and ${what} ends the call in time, with a reason`, async () => {
      using home = makeHome();
      await using servant = await startServant(mischief);
      const outcome = await call(form, home, servant);
      assert.notEqual(outcome.status, 0);
      assert.match(reasonIn(outcome), reason);
    });
  }

  for (const what of [
    "shows a banner of more than a packet",
    "ends the command by a signal of its own making",
  ]) {
    test(`${what} writes nothing raw on a terminal`, async () => {
      const [mischief] = KNOWN[what] ?? [{}];
      using home = makeHome();
      await using servant = await startServant(mischief);
      const { output } = await call(form, home, servant, "terminal");
      assert.doesNotMatch(output.replace(/\r+\n/g, "\n"), RAW);
    });
  }

  test("shows a banner, and greets, has neither raw on a terminal but the greeting", async () => {
    using home = makeHome();
    await using servant = await startServant({
      recognised: (_client, wires) => wires.sendPayload(banner(`hello ${ESCAPES}\n`)),
      session: (session) =>
        session.on("exec", (accept) => {
          const channel = accept();
          channel.stderr.write(`on stderr ${ESCAPES}\n`);
          channel.write(GREETING);
          channel.exit(0);
          channel.end();
        }),
    });
    const { output } = await call(form, home, servant, "terminal");
    assert.match(output, /hello \\e\]0;owned/);
    assert.match(output, /on stderr \\e\]0;owned/);
    assert.doesNotMatch(output.replace(/\r+\n/g, "\n"), RAW);
  });
});
