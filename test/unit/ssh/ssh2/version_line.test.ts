import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { connect } from "node:net";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { program } from "../../../peers/programs.ts";
import { listen } from "../../../peers/tcp.ts";
import { type Servant, startServant } from "../../../program/hostile/servant.ts";
import { connectTo, targetFor } from "../fixtures.ts";

/** What a server says first, byte for byte; each is the same to ssh(1) and to us. */
const LINES: readonly string[] = [
  "SSH-2.0-plain\r\n",
  "SSH-2.0-B\xfcro-Server\r\n",
  "SSH-2.0-B\xc3\xbcro-Server \xe2\x82\xac\r\n",
  "SSH-2.0-\xff\xfe\x80\r\n",
  "SSH-2.0- a comment alone\r\n",
  "SSH-2.0-x  two spaces \r\n",
  "SSH-2.0--\r\n",
  "SSH-2.0-\r\n",
  "SSH-2.0\r\n",
  "SSH-1.99-both\r\n",
  "SSH-1.5-old\r\n",
  "SSH-2.5-later\r\n",
  "SSH-3.0-much later\r\n",
  "SSH-02.00-zeros\r\n",
  "SSH-2.0-no CR\n",
  "SSH-2.0-two of them\r\r\n",
  "SSH-2.0-one in\rside\r\n",
  "SSH-2.0-a nothing\0inside\r\n",
  "a line\nand another\r\n\r\nSSH-2.0-after lines\r\n",
  " SSH-2.0-indented\r\nSSH-2.0-not\r\n",
  "ssh-2.0-small\r\nSSH-2.0-large\r\n",
  `${"x".repeat(8192)}\r\nSSH-2.0-after a long line\r\n`,
  `${"x".repeat(8193)}\r\nSSH-2.0-after a line that is too long\r\n`,
  `a nothing\0inside\r\nSSH-2.0-after it\r\n`,
  `a\rb\nSSH-2.0-after a CR inside\r\n`,
  `${"a line\r\n".repeat(1023)}SSH-2.0-in line 1024\r\n`,
  `${"a line\r\n".repeat(1024)}SSH-2.0-in line 1025\r\n`,
  `SSH-2.0-${"long".repeat(64)}\r\n`,
  `SSH-2.0-${"longest".repeat(1169)}\r\n`,
  `SSH-2.0-${"too long".repeat(1024)}\r\n`,
  "SSH-\r\nSSH-2.0-second\r\n",
  "SSH-2\r\n",
  "SSH-2.x-letters\r\n",
  "SSH-+2.0-a sign\r\n",
  "SSH- 2.0-a blank\r\n",
  "SSH-2.0 -a blank\r\n",
  // Programs for which OpenSSH, or ssh2, does something of its own (compat.c, COMPAT_CHECKS).
  "SSH-2.0-OpenSSH_2.3.0\r\n",
  "SSH-2.0-OpenSSH_6.6.1p1\r\n",
  "SSH-2.0-OpenSSH_9.4 FreeBSD\r\n",
  "SSH-2.0-Cisco-1.25\r\n",
  "SSH-2.0-Cisco-2.0\r\n",
  "SSH-2.0-dropbear_0.46\r\n",
  "SSH-2.0-libssh-0.1\r\n",
  "SSH-2.0-2.0.13 F-SECURE SSH\r\n",
  "SSH-2.0-SSH Compatible Server\r\n",
  "SSH-2.0-RomSShell_5.40\r\n",
  "SSH-2.0-mod_sftp/0.9.9\r\n",
  "SSH-2.0-WeOnlyDo 2.1.3\r\n",
  "SSH-2.0-IPSSH-6.6.0\r\n",
];

/** The version line among them, as it is hashed: without its end. */
function hashed(lines: string): Buffer {
  const line = lines.split("\n").find((one) => one.startsWith("SSH-")) ?? "";
  return Buffer.from(line.replace(/\r+$/, ""), "latin1");
}

let lines = "";
let servant: Servant;
before(async () => {
  servant = await startServant({
    accepted: (client) => {
      const insides = client as unknown as { readonly _protocol: { _identRaw: Buffer } };
      insides._protocol._identRaw = hashed(lines);
    },
  });
});
after(() => servant[Symbol.asyncDispose]());

/** Passes all on, but says `said` in place of the server's first line; in pieces of so many bytes. */
function saying(said: string, size: number) {
  return listen((socket) => {
    const server = connect(servant.port, servant.host);
    socket.on("error", () => {}).on("close", () => server.destroy());
    server.on("error", () => {}).on("close", () => socket.destroy());
    socket.pipe(server, { end: false });
    let first = Buffer.alloc(0);
    const take = (chunk: Buffer): void => {
      first = Buffer.concat([first, chunk]);
      const end = first.indexOf("\n");
      if (end < 0) return;
      server.off("data", take);
      const bytes = Buffer.from(said, "latin1");
      for (let at = 0; at < bytes.length; at += size) socket.write(bytes.subarray(at, at + size));
      socket.write(first.subarray(end + 1));
      server.pipe(socket, { end: false });
    };
    server.on("data", take);
  });
}

async function isTakenBySsh(port: number): Promise<boolean> {
  const options = [
    ...[`UserKnownHostsFile=${servant.knownHosts}`, `IdentityFile=${servant.identity}`, "IdentityAgent=none"],
    ...["BatchMode=yes", `HostKeyAlias=[127.0.0.1]:${servant.port}`, "ConnectTimeout=5"],
  ];
  const words = [
    "-F",
    "none",
    ...options.flatMap((one) => ["-o", one]),
    "-p",
    String(port),
    "jane@127.0.0.1",
    "x",
  ];
  const { stdout } = await promisify(execFile)(program("ssh"), words).catch(({ stdout }) => ({ stdout }));
  return String(stdout).includes("PREAUTH");
}

async function isTakenByUs(port: number): Promise<boolean> {
  const values = { hostKeyName: `[127.0.0.1]:${servant.port}` };
  try {
    const connection = await connectTo(targetFor({ ...servant, port }, values));
    connection.end();
    await connection.closed;
    return true;
  } catch {
    return false;
  }
}

describe("the version line", () => {
  for (const said of LINES) {
    test(`${JSON.stringify(said).slice(-60)} is taken where ssh takes it`, async () => {
      lines = said;
      await using whole = await saying(said, said.length);
      const expected = await isTakenBySsh(whole.port);
      assert.equal(await isTakenByUs(whole.port), expected);
      await using pieces = await saying(said, 700);
      assert.equal(await isTakenByUs(pieces.port), expected);
    });
  }
});
