import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { connect } from "node:net";
import { after, before, test } from "node:test";
import { MLKEM } from "../../../src/ssh/exchange/algorithms.ts";
import { fieldsOf, wire } from "../../../src/ssh/keys/blob.ts";
import { describeForms } from "../../peers/binaries.ts";
import { runCall } from "../../peers/call.ts";
import { makeHome, tableFor } from "../../peers/home.ts";
import { recentSshd, skipWithoutRecentSshd } from "../../peers/recent_sshd.ts";
import { type Sshd, startSshd } from "../../peers/sshd.ts";
import { listen } from "../../peers/tcp.ts";

const skip = skipWithoutRecentSshd();

let sshd: Sshd;
before(async () => {
  const groups = "diffie-hellman-group14-sha256,diffie-hellman-group16-sha512,diffie-hellman-group18-sha512";
  const config = [`KexAlgorithms +${groups}`];
  // Only ML-KEM is what an older one does not have.
  sshd = await startSshd(skip === false ? { program: recentSshd(), config } : { config });
});
after(() => sshd?.stop());

/** The type of the server's answer in every exchange that there is here (RFC 4253 section 8, RFC 5656 section 7.1). */
const REPLY = 31;

/** A packet without encryption (RFC 4253 section 6). */
function packet(payload: Buffer): Buffer {
  const padding = 16 - ((payload.length + 5) % 8);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(1 + payload.length + padding);
  head.writeUInt8(padding, 4);
  return Buffer.concat([head, payload, Buffer.alloc(padding)]);
}

/** What may be passed on of all that the server has sent; with the answer in it, its part is another one. */
function rewritten(sent: Buffer, part: Buffer): { readonly bytes: Buffer; readonly done: boolean } {
  let offset = sent.indexOf("\n") + 1;
  while (offset > 0 && offset + 6 <= sent.length) {
    const next = offset + 4 + sent.readUInt32BE(offset);
    if (next > sent.length) break;
    if (sent.readUInt8(offset + 5) === REPLY) {
      const payload = sent.subarray(offset + 6, next - sent.readUInt8(offset + 4));
      const [key = "", , signature = ""] = fieldsOf(payload) ?? [];
      const forged = packet(Buffer.concat([Buffer.from([REPLY]), wire(key, part, signature)]));
      return { bytes: Buffer.concat([sent.subarray(0, offset), forged, sent.subarray(next)]), done: true };
    }
    offset = next;
  }
  return { bytes: sent.subarray(0, offset), done: false };
}

/** Stands before the server, and puts `part` in the place of its part of the exchange. */
async function startMeddler(part: Buffer) {
  return await listen((client) => {
    const server = connect(sshd.port, sshd.host);
    client.pipe(server);
    let sent = Buffer.alloc(0);
    let passed = 0;
    let done = false;
    server.on("data", (piece: Buffer) => {
      if (done) return void client.write(piece);
      sent = Buffer.concat([sent, piece]);
      const { bytes, done: isDone } = rewritten(sent, part);
      done = isDone;
      client.write(bytes.subarray(passed));
      passed = bytes.length;
    });
    for (const [one, other] of [[client, server] as const, [server, client] as const]) {
      one.on("error", () => {}).on("close", () => other.destroy());
    }
  });
}

const whole = (length: number, first: number) =>
  Buffer.concat([Buffer.from([first]), randomBytes(length - 1)]);

const parts: readonly (readonly [title: string, kex: string, part: Buffer, why: RegExp])[] = [
  ["nothing", MLKEM, Buffer.alloc(0), /0 bytes in the server's part/],
  ["less than a ciphertext", MLKEM, randomBytes(1000), /1000 bytes in the server's part/],
  ["a byte too many", MLKEM, randomBytes(1121), /1121 bytes in the server's part/],
  ["zeros", MLKEM, Buffer.alloc(1120), /the key exchange \S+ has failed: /],
  ["another one's", MLKEM, randomBytes(1120), /not proven that it has the host key/],
  ["nothing", "diffie-hellman-group14-sha256", Buffer.alloc(0), /out of range/],
  ["one", "diffie-hellman-group16-sha512", Buffer.from([1]), /out of range/],
  ["a huge number", "diffie-hellman-group18-sha512", whole(20_000, 1), /out of range/],
  ["another one's", "diffie-hellman-group14-sha256", whole(256, 1), /not proven that it has the host key/],
  ["less than a point", "curve25519-sha256", randomBytes(31), /the key exchange \S+ has failed: /],
  ["nothing", "ecdh-sha2-nistp256", Buffer.alloc(0), /the key exchange \S+ has failed: /],
  ["no point of the curve", "ecdh-sha2-nistp384", whole(97, 4), /the key exchange \S+ has failed: /],
];

describeForms("a server's part in the exchange of keys", (form) => {
  for (const [title, kex, part, why] of parts) {
    test(`${kex}: ${title} ends the call with a reason, and nothing of the user's is shown`, {
      skip: kex === MLKEM ? skip : false,
    }, async () => {
      using home = makeHome();
      await using meddler = await startMeddler(part);
      const config = home.write("ssh_config", kex === MLKEM ? "" : `KexAlgorithms ${kex}\n`);
      const keys = { ssh_config: config, "commands.imap": "echo", server: meddler.host, port: meddler.port };
      const known = home.write("known_hosts", `* ${sshd.hostKeys[0]?.line}\n`);
      home.writeTable(tableFor(sshd, { ...keys, known_hosts: known }));
      const start = sshd.log().length;
      const argv = [...form.argv, "mail.test", "jane", "imap"];
      const { status, stderr } = await runCall(argv, { env: home.env, stdio: "pipes", input: "A1 NOOP\r\n" });
      assert.match(stderr, why);
      assert.match(stderr, /^preauth: mail\.test: [^\n]*\n(preauth: hint: [^\n]*\n)*$/);
      assert.equal(status, /proven/.test(why.source) ? 77 : 69);
      assert.doesNotMatch(sshd.log().slice(start), /publickey|Accepted/);
    });
  }
});
