import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { describeForms } from "../../peers/binaries.ts";
import type { Call } from "../../peers/call.ts";
import { program } from "../../peers/programs.ts";
import { speakingServer } from "../../peers/tcp.ts";
import { freePort, STRANGER, withoutRoot } from "../../unit/forwards/fixtures.ts";
import { watchMemory } from "../hostile/memory.ts";
import { type Scene, startScene } from "../master/shared_home.ts";
import { connected, heard } from "./one_forward.ts";

/** Connections that a stranger makes in a second, and for how many. */
const RATE = 5000;
const SECONDS = 2;

/** Twenty times a second as many as that takes: made without waiting, and closed a moment later. */
const FLOOD = `
use Socket; use Fcntl; use Time::HiRes qw(time sleep);
my ($port, $each, $rounds) = @ARGV;
my $address = sockaddr_in($port, inet_aton("127.0.0.1"));
my $made = 0;
$| = 1;
for my $round (1 .. $rounds) {
  my $began = time;
  my @open;
  for (1 .. $each) {
    socket(my $socket, PF_INET, SOCK_STREAM, 0) or last;
    fcntl($socket, F_SETFL, O_NONBLOCK);
    connect($socket, $address);
    push @open, $socket;
    $made++;
  }
  print "flooding\\n" if $round == 4;
  my $left = 0.05 - (time - $began);
  sleep($left) if $left > 0;
}
print "$made\\n";
`;

/** Floods a port as another user, and gives how many connections it made. */
async function flood(port: number, meanwhile: () => Promise<void>): Promise<number> {
  const who = [`--reuid=${STRANGER}`, `--regid=${STRANGER}`, "--clear-groups"];
  const words = [port, RATE / 20, SECONDS * 20].map(String);
  const child = spawn(program("setpriv"), [...who, program("perl"), "-e", FLOOD, ...words], {
    ...{ cwd: "/", stdio: ["ignore", "pipe", "inherit"] },
  });
  let text = "";
  child.stdout?.on("data", (chunk: Buffer) => {
    text += chunk;
  });
  const ended = once(child, "exit");
  try {
    if (child.stdout !== null) await once(child.stdout, "data");
    await meanwhile();
    await ended;
    return Number(text.split("\n")[1]);
  } finally {
    child.kill("SIGKILL");
  }
}

/** Milliseconds that something takes, the middle one of `times`. */
async function median(times: number, work: (time: number) => Promise<unknown>): Promise<number> {
  const all: number[] = [];
  for (let time = 0; time < times; time++) {
    const began = performance.now();
    await work(time);
    all.push(performance.now() - began);
  }
  return all.sort((one, other) => one - other)[times >> 1] ?? 0;
}

async function noop(call: Call, tag: string): Promise<void> {
  call.write(`${tag} NOOP\r\n`);
  await call.readUntil(new RegExp(`^${tag} OK`, "m"));
}

/** A mailbox with a forward beside it, of which everybody knows the port. */
async function open(scene: Scene): Promise<Call> {
  const call = await scene.open();
  await scene.logged(/carries port/);
  return call;
}

/** How often it is tried: a machine that is busy with other things makes everything slow now and then. */
const TRIES = 3;

describeForms("strangers who connect to a forward 5,000 times a second", (form) => {
  test("hold up neither a mailbox nor the user's own connections, and fill no memory", {
    skip: withoutRoot,
  }, async () => {
    await using target = await speakingServer("220 mail.test ESMTP\r\n");
    const listen = await freePort();
    const table = `[[forward]]\nname = "smtp"\nlisten = ${listen}\nto = "127.0.0.1:${target.port}"\n`;
    await using scene = await startScene(form, { table });
    const call = await open(scene);
    let owned = 0;
    let refused = 0;
    const own = async (): Promise<void> => {
      const said = await hello(listen).catch(() => "");
      // On a machine that has no time, more of them wait than may.
      if (said === "220 mail.test ESMTP\r\n") owned++;
      else refused++;
    };
    const times = async (tag: string): Promise<readonly [noop: number, own: number]> => [
      await median(60, (time) => noop(call, `${tag}${time}`)),
      await median(15, own),
    ];
    const master = await scene.master();
    await times("w");

    assert.equal(refused, 0);

    let quick = false;
    let told = "";
    for (let tried = 1; tried <= TRIES && !quick; tried++) {
      refused = 0;
      const calm = await times(`c${tried}n`);
      const resident = residentOf(master);
      let under: readonly [number, number] = [0, 0];
      const flooding = flood(listen, async () => {
        under = await times(`f${tried}n`);
      });
      const peak = await watchMemory(master, flooding);
      const made = await flooding;
      told += `${JSON.stringify({ calm, under, made, resident, peak })}\n`;
      assert.ok(made > (RATE * SECONDS) / 2, told);
      assert.ok(peak - resident <= 64, told);
      // Below a few milliseconds it is this test's own process that is measured, and what runs beside it.
      const isMailQuick = under[0] <= 3 * Math.max(calm[0], 8);
      quick = isMailQuick && under[1] <= 3 * Math.max(calm[1], 40) && refused === 0;
    }
    assert.ok(quick, told);
    await noop(call, "last");
    // Not one of the strangers' connections was led on.
    assert.equal(target.connections, owned);
  });
});

/** What a client of the user's own is told. */
async function hello(port: number): Promise<string> {
  const socket = await connected(port);
  socket.end();
  return heard(socket);
}

/** MiB that a process has in memory. */
function residentOf(pid: number): number {
  const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kib) / 1024;
}
