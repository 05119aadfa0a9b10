import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Failure } from "../../../src/failure.ts";
import { Login } from "../../../src/ssh/login.ts";
import { HostKeyCheck } from "../../../src/ssh/trust/host_key.ts";
import type { Target } from "../../../src/target/target.ts";
import { gone } from "../../peers/processes.ts";
import { startProxy, type Traffic } from "../../peers/proxy.ts";
import { Received } from "../../peers/received.ts";
import { type Sshd, startSshd } from "../../peers/sshd.ts";
import { silentServer, speakingServer } from "../../peers/tcp.ts";
import { makeTemporary, removeTemporary } from "../../peers/temporary.ts";
import { startUnanswering } from "../../peers/unanswering.ts";
import { poll, within } from "../../peers/waiting.ts";
import { connectTo, newStory, targetFor } from "./fixtures.ts";

const folder = makeTemporary();
let sshd: Sshd;
before(async () => {
  sshd = await startSshd();
});
after(async () => {
  await sshd.stop();
  removeTemporary(folder);
});

function through(
  peer: { readonly host: string; readonly port: number },
  values: Parameters<typeof targetFor>[1] = {},
) {
  const { user, identity, knownHosts } = sshd;
  const hostKeyName = `[127.0.0.1]:${sshd.port}`;
  return targetFor(
    { host: peer.host, port: peer.port, user, identity, knownHosts },
    { hostKeyName, ...values },
  );
}

/** Gives up while `doing` is being done; it must reject with the reason within a second. */
async function abortWhile(target: Target, doing: string, ready?: () => Promise<void>): Promise<void> {
  const story = newStory();
  const controller = new AbortController();
  const connecting = connectTo(target, story, controller.signal);
  connecting.catch(() => {});
  await poll(
    () => story.progress.doing === doing,
    doing,
    () => story.progress.doing,
  );
  await ready?.();
  assert.equal(story.progress.doing, doing);
  const reason = new Failure("gone", "mail.test", "enough");
  controller.abort(reason);
  const failure = await within(
    connecting.catch((error) => error),
    "the end",
    undefined,
    1000,
  );
  assert.equal(failure, reason);
}

test("given up before it begins", async () => {
  const reason = new Error("enough");
  await assert.rejects(
    connectTo(targetFor(sshd), newStory(), AbortSignal.abort(reason)),
    (e) => e === reason,
  );
});

test("given up while the server's port does not answer", async () => {
  await using peer = await startUnanswering();
  await abortWhile(through(peer), `connecting to ${peer.host} port ${peer.port}`);
});

test("given up while the server says nothing, and it has not been heard", async () => {
  await using peer = await silentServer();
  const story = newStory();
  const controller = new AbortController();
  const connecting = connectTo(through(peer), story, controller.signal);
  connecting.catch(() => {});
  await peer.connected();
  await poll(() => story.progress.doing === "waiting for the SSH server of mail.test", "the wait");
  assert.equal(story.progress.heard, false);
  controller.abort(new Error("enough"));
  await assert.rejects(within(connecting, "the end", undefined, 1000), /enough/);
  await peer.idle(1000);
});

test("given up while known_hosts hangs, which is what it says it does; the server is let go", async () => {
  await using peer = await silentServer();
  // Stands for a file of a home that hangs: no local file does.
  const hanging = { map: () => [new Promise(() => {})] } as unknown as readonly string[];
  await abortWhile(through(peer, { knownHosts: hanging }), "reading known_hosts", async () => {
    await peer.connected();
  });
  await peer.idle(1000);
});

test("given up after the version", async () => {
  await using peer = await speakingServer("SSH-2.0-test\r\n");
  await abortWhile(through(peer), "exchanging keys with mail.test");
  await peer.idle(1000);
});

test("given up during the key exchange", async () => {
  // What the client says after the server's version is held back.
  await using proxy = await startProxy({ to: sshd, freezeWhen: ({ up }) => up > 100 });
  await abortWhile(through(proxy), "exchanging keys with mail.test", proxy.froze);
  proxy.thaw();
  await proxy.idle(1000);
});

test("given up during the login", async () => {
  // The first small answer after the exchange is that to the service request.
  const freezeWhen = ({ down, piece }: Traffic) => down > 1500 && piece.length < 200;
  await using proxy = await startProxy({ to: sshd, freezeWhen });
  await abortWhile(through(proxy), `logging in to mail.test as ${sshd.user}`, proxy.froze);
  proxy.thaw();
  await proxy.idle(1000);
});

test("given up while an agent hangs, which is what it says it does", async () => {
  const socket = join(folder, "hanging");
  const server = createServer((connection) => void connection.resume());
  server.listen(socket);
  await once(server, "listening");
  try {
    await abortWhile(targetFor(sshd, { agent: socket }), `waiting for the agent at ${socket}`);
    await within(
      new Promise((resolve) => server.close(resolve)),
      "the agent's last connection",
      undefined,
      1000,
    );
  } finally {
    server.close();
  }
});

test("given up under a ProxyCommand, which ends with all that it has started", async () => {
  const pids = join(folder, "pids");
  const proxyCommand = `sh -c 'sleep 1000 & echo $! $$ > ${pids}.new; mv ${pids}.new ${pids}; wait'`;
  const started = () => poll(() => existsSync(pids), "its start").then(() => {});
  await abortWhile(targetFor(sshd, { proxyCommand }), "waiting for the SSH server of mail.test", started);
  for (const pid of readFileSync(pids, "utf8").trim().split(" ")) await gone(Number(pid), 1000);
});

test("a connection that has ended before anybody listened is told as such", async () => {
  const story = newStory();
  const target = targetFor(sshd);
  const socket = new PassThrough();
  socket.on("error", () => {});
  socket.destroy(new Error("too late"));
  await new Promise((resolve) => socket.once("close", resolve));
  const options = {
    ...{ signal: new AbortController().signal, progress: story.progress, note: () => {} },
    env: process.env,
    purpose: "mail" as const,
  };
  const files = { entries: [], revoked: [] };
  const login = new Login(target, socket, new HostKeyCheck(target, files), options);
  await assert.rejects(
    within(login.run(), "the end", undefined, 1000),
    /too late \(before it sent its SSH version/,
  );
});

const PROGRAM = `
  import { connect } from ${JSON.stringify(new URL("../../../src/ssh/connect.ts", import.meta.url).href)};
  import { Progress } from ${JSON.stringify(new URL("../../../src/progress.ts", import.meta.url).href)};
  const controller = new AbortController();
  process.once("SIGUSR2", () => controller.abort(new Error("enough")));
  const progress = new Progress();
  const begin = progress.begin.bind(progress);
  progress.begin = (step, doing) => { begin(step, doing); console.log(doing); };
  connect(JSON.parse(process.argv[1]), { signal: controller.signal, progress, note() {}, purpose: "mail" })
    .then(() => console.log("connected"), (error) => console.log("rejected", error.message));
`;

test("nothing that was given up keeps the process alive", async () => {
  await using silent = await silentServer();
  await using unanswering = await startUnanswering();
  const cases: [Target, string][] = [
    [through(unanswering), "connecting to"],
    [through(silent), "waiting for the SSH server"],
  ];
  for (const [target, doing] of cases) {
    const root = fileURLToPath(new URL("../../..", import.meta.url));
    const words = ["--import", "tsx", "--input-type=module", "-e", PROGRAM, JSON.stringify(target)];
    const child = spawn(process.execPath, words, { stdio: ["ignore", "pipe", "inherit"], cwd: root });
    try {
      const output = new Received(child.stdout, "the program");
      await output.until(new RegExp(doing));
      child.kill("SIGUSR2");
      await output.until(/rejected enough/, 1000);
      if (child.exitCode === null) await within(once(child, "exit"), "its end", undefined, 1000);
    } finally {
      child.kill("SIGKILL");
    }
  }
});
