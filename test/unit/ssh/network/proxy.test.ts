import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { startProxy } from "../../../../src/ssh/network/proxy_socket.ts";
import { askSsh } from "../../../../src/target/ask_ssh.ts";
import { settle } from "../../../../src/target/target.ts";
import { childrenOf, wordsOf } from "../../../peers/processes.ts";
import { type Sshd, startSshd } from "../../../peers/sshd.ts";
import { makeTemporary, removeTemporary } from "../../../peers/temporary.ts";
import { poll } from "../../../peers/waiting.ts";
import { connectTo, decisionFor, never, newStory, settled, targetFor } from "../fixtures.ts";

const folder = makeTemporary();
const script = join(folder, "through.mjs");
let sshd: Sshd;
before(async () => {
  sshd = await startSshd();
  writeFileSync(
    script,
    `import { connect } from "node:net";
    const socket = connect(Number(process.argv[3]), process.argv[2]);
    console.error("through");
    process.stdin.pipe(socket).pipe(process.stdout);`,
  );
});
after(async () => {
  await sshd.stop();
  removeTemporary(folder);
});

/** Two megabytes through the connection and back. */
async function echo(target: Parameters<typeof connectTo>[0], story = newStory()): Promise<void> {
  const connection = await connectTo(target, story);
  const command = await connection.exec("cat; exit 5", { signal: never() });
  let length = 0;
  command.stderr.resume();
  command.stdout.on("data", (chunk: Buffer) => {
    length += chunk.length;
  });
  command.stdin.end(Buffer.alloc(2_000_000));
  assert.deepEqual(await command.ended, { kind: "status", status: 5 });
  assert.equal(length, 2_000_000);
  assert.equal(proxies().length, 1);
  for (const count of [connection.sent, connection.received])
    assert.equal(count > 2_000_000, true, `${count}`);
  connection.end();
  await connection.closed;
  await poll(() => proxies().length === 0, "the proxy's end");
}

/** What runs as a ProxyCommand of ours. */
function proxies(): number[] {
  const ours = /through\.mjs|BatchMode/;
  return childrenOf(process.pid).filter((pid) => ours.test(wordsOf(pid).join(" ")));
}

test("a ProxyCommand carries the connection, its stderr goes to the log, and it is gone at the end", async () => {
  const story = newStory();
  const proxyCommand = `'${process.execPath}' ${script} ${sshd.host} ${sshd.port}`;
  await echo(targetFor(sshd, { proxyCommand }), story);
  assert.deepEqual(story.notes, ["ProxyCommand: through"]);
  assert.equal(story.steps[0]?.[0], "connect");
});

test("a ProxyCommand that fails is quoted", async () => {
  const target = targetFor(sshd, { proxyCommand: "sh -c 'echo no way >&2; exit 3'" });
  await assert.rejects(connectTo(target), {
    trouble: "network",
    what: /^the ProxyCommand ended with status 3: "no way" \(before/,
  });
  await assert.rejects(
    connectTo(targetFor(sshd, { proxyCommand: "/no/such/program" })),
    /ProxyCommand ended with status 127: .*(not found|No such file)/,
  );
});

test("a ProxyCommand is told to ask nobody, whatever the environment says", async () => {
  const story = newStory();
  const line = "sh -c 'echo require $SSH_ASKPASS_REQUIRE >&2; exit 3'";
  await assert.rejects(connectTo(targetFor(sshd, { proxyCommand: line }), story));
  assert.deepEqual(story.notes, ["ProxyCommand: require never"]);
});

test("a ProxyCommand gets no relative SSH_AUTH_SOCK: an ssh in it would ask an agent that was planted", async () => {
  const had = process.env.SSH_AUTH_SOCK;
  const line = "sh -c 'echo agent $SSH_AUTH_SOCK >&2; exit 3'";
  try {
    for (const [value, seen] of [
      ["planted", "agent"],
      ["./planted", "agent"],
      ["/nowhere/agent", "agent /nowhere/agent"],
    ] as const) {
      process.env.SSH_AUTH_SOCK = value;
      const story = newStory();
      await assert.rejects(connectTo(targetFor(sshd, { proxyCommand: line }), story));
      assert.deepEqual(story.notes, [`ProxyCommand: ${seen}`]);
    }
  } finally {
    if (had === undefined) delete process.env.SSH_AUTH_SOCK;
    else process.env.SSH_AUTH_SOCK = had;
  }
});

test("a ProxyCommand that ends without a word is the server's end", async () => {
  await assert.rejects(connectTo(targetFor(sshd, { proxyCommand: "true" })), {
    trouble: "network",
    what: "the server closed the connection (before it sent its SSH version)",
  });
});

test("ProxyJump goes through another server", async () => {
  await using gate = await startSshd();
  const config = join(folder, "config");
  writeFileSync(
    config,
    [
      "Host gate",
      `  HostName ${gate.host}`,
      `  Port ${gate.port}`,
      `  User ${gate.user}`,
      `  IdentityFile ${gate.identity}`,
      `  UserKnownHostsFile ${gate.knownHosts}`,
      "Host behind",
      `  HostName ${sshd.host}`,
      `  Port ${sshd.port}`,
      "  ProxyJump gate",
      `  IdentityFile ${sshd.identity}`,
      `  UserKnownHostsFile ${sshd.knownHosts}`,
      "",
    ].join("\n"),
    { mode: 0o600 },
  );
  const decision = decisionFor("behind", { sshConfig: settled(config), user: settled(sshd.user) });
  const answers = await askSsh(decision, {
    env: process.env,
    home: "/nowhere",
    signal: never(),
    note: () => {},
  });
  const account = { user: sshd.user, home: "/nowhere" };
  const target = settle(decision, answers, { uid: 1, account, home: "/nowhere", env: {}, homes: new Map() });
  await echo(target);
  assert.equal(gate.logins(), 1);
});

for (const [host, asked] of [
  ["gate", [["-p", "22", "gate"]]],
  // Of another host a server may have written, in a banner that its ssh prints.
  ["-Fevil", []],
  ["another", []],
] as const) {
  test(`a refusal of ${host} has ssh asked about hosts of ProxyJump alone`, async () => {
    const seen: (readonly string[])[] = [];
    const socket = await startProxy(
      `sh -c 'echo "jane@${host}: Permission denied (publickey)." >&2; exit 255'`,
      {
        ...{ signal: never(), progress: newStory().progress, env: process.env, note: () => {} },
        jumps: [
          ["-p", "22", "gate"],
          ["-J", "gate:22", "inner"],
        ],
        addingFor: async (words) => {
          seen.push(words);
          return undefined;
        },
      },
    );
    const [error] = await once(socket, "error");
    assert.match(String(error), /Permission denied/);
    assert.deepEqual(seen, asked);
  });
}
