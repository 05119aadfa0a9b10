import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import { describeForms } from "../../peers/binaries.ts";
import { type Call, startCall } from "../../peers/call.ts";
import { makeHome } from "../../peers/home.ts";
import { startSshd } from "../../peers/sshd.ts";
import { listen } from "../../peers/tcp.ts";
import { throughTable } from "./places.ts";
import { GREET, MIB } from "./stream.ts";

const TIMEOUT = { timeout: 60_000 };

/** Bytes a second, each way: 8 Mbit/s. */
const RATE = 1_000_000;

/** A line that carries so much, with a queue before it that takes all. */
function slowLine(to: { readonly host: string; readonly port: number }) {
  const pass = (from: Socket, into: Socket): void => {
    const queue: { readonly chunk: Buffer; readonly due: number }[] = [];
    let free = 0;
    // One timer at a time: two of them may change places.
    const next = (): void => {
      const [first] = queue;
      if (first === undefined) return;
      setTimeout(
        () => {
          queue.shift();
          into.write(first.chunk);
          next();
        },
        Math.max(0, first.due - performance.now()),
      );
    };
    from.on("data", (chunk: Buffer) => {
      free = Math.max(free, performance.now()) + (chunk.length * 1000) / RATE;
      queue.push({ chunk, due: free });
      if (queue.length === 1) next();
    });
    from.on("error", () => into.destroy()).on("close", () => into.destroy());
  };
  return listen((client) => {
    const server = connect({ ...to, noDelay: true });
    pass(client, server);
    pass(server, client);
  });
}

/** Milliseconds that a word takes there and back. */
async function echo(call: Call, word: string): Promise<number> {
  const began = performance.now();
  call.write(`${word}\r\n`);
  await call.readUntil(new RegExp(`${word}\r\n`), 20_000);
  return performance.now() - began;
}

describeForms("on a slow line", (form) => {
  test("nobody waits behind somebody else's download, which has the line all the same", TIMEOUT, async () => {
    using home = makeHome();
    await using sshd = await startSshd();
    await using line = await slowLine(sshd);
    const commands = { "commands.imap": `${GREET}; exec cat`, "commands.zero": "exec cat /dev/zero" };
    home.writeTable(throughTable(home, sshd, line, { ...commands, share: true }));
    const start = (method: string, collect = true): Promise<Call> =>
      startCall([...form.argv, "mail.test", sshd.user, method], { env: home.env, stdio: "alpine", collect });
    await using mine = await start("imap");
    await mine.readUntil(/PREAUTH/);
    await using theirs = await start("zero", false);
    let bytes = 0;
    const enough = new Promise<void>((resolve) => {
      theirs.stdout.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > 3 * MIB) resolve();
      });
    });
    await enough;
    const [began, before] = [performance.now(), bytes];
    const times: number[] = [];
    for (let count = 0; count < 10; count++) times.push(await echo(mine, `word${count}.`));
    times.sort((a, b) => a - b);
    // A window of 2 MiB would be two seconds of the line.
    assert.ok((times[5] ?? 0) < 500, String(times.map(Math.round)));
    await new Promise<void>((resolve) => {
      theirs.stdout.on("data", () => bytes - before > 2 * MIB && resolve());
    });
    const rate = ((bytes - before) * 1000) / (performance.now() - began);
    assert.ok(rate > 0.8 * RATE, `${rate} bytes a second`);
  });
});
