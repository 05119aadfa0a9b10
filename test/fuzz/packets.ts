import fc from "fast-check";
import { Failure } from "../../src/failure.ts";
import type { Connection } from "../../src/ssh/connection.ts";
import { type Servant, startServant, wireString } from "../program/hostile/servant.ts";
import { connectTo, newStory, targetFor } from "../unit/ssh/fixtures.ts";
import { attack, inTime, strict } from "./attack.ts";

/** Numbers at whose edges something may go wrong (RFC 4253, 4254). */
const number = fc.constantFrom(0, 1, 2, 15, 32_768, 35_000, 0x7fffffff, 0x80000000, 0xffffffff);
const channel = fc.constantFrom(0, 0, 0, 1, 1, 2, 3, 0xffffffff);
const NAMES = [
  ...["", "x", "exit-status", "exit-signal", "keepalive@openssh.com", "hostkeys-00@openssh.com", "session"],
  ...["forwarded-tcpip", "x11", "auth-agent@openssh.com", "eow@openssh.com", "exec", "xon-xoff", "publickey"],
  ...["password", "none", "server-sig-algs", "ssh-userauth", "forwarded-streamlocal@openssh.com", "pty-req"],
  ...["window-change", "signal"],
];

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

const n = number.map(u32);
const id = channel.map(u32);
const name = fc.constantFrom(...NAMES).map((text) => wireString(text));
const flag = fc.nat(1).map((bit) => Buffer.from([bit]));
const blob = fc.uint8Array({ maxLength: 200 }).map((bytes) => wireString(Buffer.from(bytes)));
const field = fc.oneof(id, n, flag, name, blob);

/** A message by its number and fields. */
function message(
  type: fc.Arbitrary<number>,
  ...fields: readonly fc.Arbitrary<Buffer>[]
): fc.Arbitrary<Buffer> {
  return fc.tuple(type, ...fields).map(([first, ...rest]) => Buffer.concat([Buffer.from([first]), ...rest]));
}

const is = (type: number) => fc.constant(type);
const between = (least: number, most: number) => fc.integer({ min: least, max: most });

/** RFC 4253 section 12, RFC 4252 section 6, RFC 4254 section 9. */
const packet: fc.Arbitrary<Buffer> = fc.oneof(
  message(is(80), name, flag, field, field),
  message(is(81), field),
  message(is(82)),
  message(is(90), name, n, n, n, name, n, name, n),
  message(is(91), id, n, n, between(1, 40_000).map(u32)),
  message(is(92), id, n, name, name),
  message(is(93), id, n),
  message(is(94), id, field),
  message(is(95), id, n, field),
  message(between(96, 97), id),
  message(is(98), id, name, flag, field, field),
  message(between(99, 100), id),
  message(between(50, 66), field, field),
  message(between(2, 7), field, field),
  message(between(0, 255), field, field, field),
);

/** What a server sends once keys are exchanged, and when a command has begun. */
interface Sequence {
  readonly early: readonly Buffer[];
  readonly open: readonly Buffer[];
}

let sequence: Sequence = { early: [], open: [] };
let servant: Promise<Servant> | undefined;

function serve(): Promise<Servant> {
  servant ??= startServant({
    recognised: (_client, wires) => {
      for (const one of sequence.early) wires.sendPayload(one);
    },
    session: (session, wires) =>
      session.on("exec", (accept) => {
        const stream = accept();
        stream.on("error", () => {});
        stream.write("* PREAUTH ready\r\n");
        const left = [...sequence.open];
        const more = (): void => {
          const next = left.shift();
          if (next === undefined || wires.socket.destroyed) return;
          wires.sendPayload(next);
          setImmediate(more);
        };
        more();
      }),
  });
  return servant;
}

/** Ends the server; the process could not end by itself. */
export async function stopServing(): Promise<void> {
  await (await servant)?.[Symbol.asyncDispose]();
  servant = undefined;
}

/** Milliseconds that a step may take, and that the process may hold up its event loop by computing. */
const PATIENCE = 3000;
const HELD_UP = 1000;

const LATE = new Failure("deadline", "mail.test", "out of time");

/** A whole session with a command, a forward and a question whether the server lives. */
async function session(connection: Connection, signal: AbortSignal): Promise<void> {
  const command = await connection.exec("imapd", { signal });
  command.stdout.resume();
  command.stderr.resume();
  command.stdin.on("error", () => {});
  command.stdin.write("A1 NOOP\r\n");
  connection.ping(() => {});
  const forward = connection.forward({ host: "x", port: 1 }, { address: "127.0.0.1", port: 2 }).then(
    (far) => {
      far.on("error", () => {});
      far.resume();
      far.write("hello");
    },
    () => {},
  );
  const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
  await Promise.race([command.ended, pause(30)]);
  command.stdin.write("A2 NOOP\r\n");
  command.stdin.end();
  await Promise.race([forward, pause(15)]);
  command.hangUp();
  await inTime(command.ended, "the end of the command", PATIENCE);
}

/** Milliseconds that this process has computed so far. */
function computed(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

async function hold(tried: Sequence): Promise<void> {
  sequence = tried;
  const ends = new AbortController();
  const timer = setTimeout(() => ends.abort(LATE), 700);
  let worst = 0;
  let [last, used] = [performance.now(), computed()];
  const watch = setInterval(() => {
    // While others have the machine, nobody is held up by us.
    worst = Math.max(worst, Math.min(performance.now() - last, computed() - used));
    [last, used] = [performance.now(), computed()];
  }, 10);
  try {
    await strict(async () => {
      const connection = await connectTo(targetFor(await serve()), newStory(), ends.signal);
      try {
        await session(connection, ends.signal);
      } finally {
        connection.end();
        await inTime(connection.closed, "the end of the connection", PATIENCE);
      }
    });
  } catch (error) {
    if (!(error instanceof Failure) || error.trouble === "bug") throw error;
  } finally {
    clearTimeout(timer);
    clearInterval(watch);
  }
  if (worst > HELD_UP) throw new Error(`it was held up for ${Math.round(worst)} ms`);
}

const packets = fc.record({
  early: fc.oneof(
    { weight: 3, arbitrary: fc.constant([]) },
    { weight: 1, arbitrary: fc.array(packet, { maxLength: 5 }) },
  ),
  open: fc.array(packet, { maxLength: 20 }),
});

export const packetAttack = attack("packets after the exchange of keys", 60, packets, hold);
