import assert from "node:assert/strict";
import { statSync } from "node:fs";
import type { Socket } from "node:net";
import type { Writable } from "node:stream";
import { after, before, test } from "node:test";
import type { ServerChannel } from "ssh2";
import { GREETING, MAIL, refusal, since } from "../calls/scene.ts";
import { describeForms, type Form } from "../peers/binaries.ts";
import { startCall } from "../peers/call.ts";
import { type Home, hostTable, makeHome } from "../peers/home.ts";
import type { Stdio } from "../peers/plumbing.ts";
import { type Sshd, startSshd } from "../peers/sshd.ts";
import { type Listener, listen } from "../peers/tcp.ts";
import { RAW } from "./fuzz.ts";
import { watchMemory } from "./memory.ts";
import { type Mischief, type Servant, startServant, type Wires, wireString } from "./servant.ts";

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

/** Writes the same piece again and again, as fast as it is read. */
function flood(socket: Socket, piece: Buffer): void {
  const more = (): void => {
    while (!socket.destroyed && socket.write(piece));
  };
  socket.on("drain", more);
  more();
}

/** A packet before any key (RFC 4253 section 6). */
function packet(payload: Buffer): Buffer {
  const padding = 16 - ((payload.length + 5) % 8);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(payload.length + padding + 1);
  head[4] = padding;
  return Buffer.concat([head, payload, Buffer.alloc(padding)]);
}

const VERSION = Buffer.from("SSH-2.0-hostile\r\n");
const ESCAPES = "\x1b]0;owned\x07\x1b[2J\r\n* PREAUTH gotcha\r\n\u009b31m\u202e\0";

/** SSH_MSG_DISCONNECT (RFC 4253 section 11.1). */
function disconnect(text: string): Buffer {
  return Buffer.concat([Buffer.from([1, 0, 0, 0, 2]), wireString(text), wireString("")]);
}

/** SSH_MSG_USERAUTH_BANNER (RFC 4252 section 5.4). */
function banner(text: string): Buffer {
  return Buffer.concat([Buffer.from([53]), wireString(text), wireString("")]);
}

/** Servers that never get as far as keys: what each does, and the reason that must come of it. */
const STRANGERS: Readonly<Record<string, readonly [service: (socket: Socket) => void, reason: RegExp]>> = {
  "says lines before its version without an end": [
    (socket) => flood(socket, Buffer.from(`${ESCAPES.repeat(20)}\n`.repeat(100))),
    /took longer than 1\.5 s$|before it said which SSH it speaks/,
  ],
  "says one line without an end": [
    (socket) => flood(socket, Buffer.alloc(1024 * 1024, "x")),
    /took longer than 1\.5 s$|before it said which SSH it speaks/,
  ],
  "sends packets that nobody knows, and reads no answer": [
    (socket) => {
      socket.pause();
      socket.write(VERSION);
      flood(socket, Buffer.concat(Array(2000).fill(packet(Buffer.from([200])))));
    },
    /./,
  ],
  "takes leave with a text of 30,000 bytes, full of controls": [
    (socket) => socket.end(Buffer.concat([VERSION, packet(disconnect(ESCAPES.repeat(700)))])),
    /the server says "\\e\]0;owned\\x07\\e\[2J\\r\\n\* PREAUTH gotcha/,
  ],
  "announces a packet of 4 GiB": [
    (socket) => socket.end(Buffer.concat([VERSION, Buffer.alloc(64, 0xff)])),
    /while keys were exchanged/,
  ],
  "announces a packet of no bytes": [
    (socket) => socket.end(Buffer.concat([VERSION, Buffer.alloc(64)])),
    /while keys were exchanged/,
  ],
};

/** Servers that are known and then misbehave, the reason that must come of it, and the exit status. */
const KNOWN: Readonly<Record<string, readonly [mischief: Mischief, reason: RegExp]>> = {
  "shows a banner of more than a packet": [
    { recognised: (_client, wires) => wires.sendPayload(banner(ESCAPES.repeat(1200))) },
    /during the login/,
  ],
  "shows banners of the shortest lines without an end": [
    {
      recognised: (_client, wires) => {
        const lines = banner("\x1b\n".repeat(15_000));
        const again = (): void => {
          if (wires.socket.destroyed) return;
          wires.sendPayload(lines);
          setImmediate(again);
        };
        again();
      },
    },
    /took longer than 1\.5 s$/,
  ],
  "takes leave in the middle of the login, with controls": [
    { recognised: (_client, wires) => wires.sendPayload(disconnect(ESCAPES.repeat(500))) },
    /\\e\]0;owned\\x07/,
  ],
  "asks for things without an end, and reads no answer": [
    {
      recognised: (_client, wires) => {
        const { socket } = wires;
        socket.pause();
        // SSH_MSG_GLOBAL_REQUEST that wants an answer (RFC 4254 section 4).
        const request = Buffer.concat([Buffer.from([80]), wireString("x"), Buffer.from([1])]);
        const more = (): void => {
          for (let count = 0; count < 500 && !socket.destroyed; count++) wires.sendPayload(request);
          if (socket.destroyed) return;
          if (socket.writableNeedDrain) socket.once("drain", more);
          else setImmediate(more);
        };
        more();
      },
    },
    /./,
  ],
  "opens no session, for a reason full of controls": [
    {
      recognised: (_client, wires) =>
        wires.changePackets((payload) => (payload[0] === 91 ? unopened() : undefined)),
    },
    /the server opens no session: "\\e\]0;owned/,
  ],
  "ends the command by a signal of its own making": [
    { session: endingBy((wires) => wires.sendPayload(exitSignal())) },
    /ended by .*\\e\]0;owned/,
  ],
  "says nothing but noise before a greeting": [
    { session: talking((channel) => channel, ESCAPES.replace("* PREAUTH", "x").repeat(1000)) },
    /64 KiB without an IMAP greeting$/,
  ],
  "says the shortest lines on stderr without an end": [
    { session: talking((channel) => channel.stderr, "x\n".repeat(15_000)) },
    /took longer than 1\.5 s$/,
  ],
  "says one line on stderr without an end": [
    { session: talking((channel) => channel.stderr, "x".repeat(30_000)) },
    /took longer than 1\.5 s$/,
  ],
};

/** A command that says the same again and again, as fast as it is read. */
function talking(
  where: (channel: ServerChannel) => Writable,
  text: string,
): NonNullable<Mischief["session"]> {
  return (session) =>
    session.on("exec", (accept) => {
      const channel = accept();
      channel.on("error", () => {});
      const output = where(channel);
      const more = (): void => void (output.writable && output.write(text, () => setImmediate(more)));
      more();
    });
}

/** SSH_MSG_CHANNEL_OPEN_FAILURE for the client's first channel (RFC 4254 section 5.1). */
function unopened(): Buffer {
  return Buffer.concat([
    Buffer.from([92, 0, 0, 0, 0, 0, 0, 0, 2]),
    wireString(ESCAPES.repeat(300)),
    wireString(""),
  ]);
}

/** An exit-signal for the client's first channel (RFC 4254 section 6.10). */
function exitSignal(): Buffer {
  const parts = [wireString(ESCAPES), Buffer.from([1]), wireString(ESCAPES.repeat(200)), wireString("")];
  return Buffer.concat([
    Buffer.from([98, 0, 0, 0, 0]),
    wireString("exit-signal"),
    Buffer.from([0]),
    ...parts,
  ]);
}

function endingBy(end: (wires: Wires) => void): NonNullable<Mischief["session"]> {
  return (session, wires) =>
    session.on("exec", (accept) => {
      const channel = accept();
      end(wires);
      channel.end();
      channel.close();
    });
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
