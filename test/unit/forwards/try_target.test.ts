import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { Failure } from "../../../src/failure.ts";
import type { Carry } from "../../../src/forwards/carry.ts";
import { replyText, type TargetReply, tryTarget } from "../../../src/forwards/try_target.ts";
import { closingServer, listen, refusingPort, silentServer, speakingServer } from "../../peers/tcp.ts";
import { within } from "../../peers/waiting.ts";
import { carryByTcp } from "./tcp_carrier.ts";

const never = new AbortController().signal;
const patient = { carry: carryByTcp, limit: 20_000, signal: never };
const mail = { host: "mail", port: 25 };

const GREETINGS: readonly (readonly [said: string, words: string])[] = [
  ["220 mail.isp.com ESMTP\r\n", 'mail:25 answers as SMTP: "220 mail.isp.com ESMTP"'],
  ["220-mail.isp.com\r\n220 ready\r\n", 'mail:25 answers as SMTP: "220-mail.isp.com"'],
  ["200 news.isp.com ready\r\n", 'mail:25 answers as NNTP: "200 news.isp.com ready"'],
  ["201 no posting\r\n", 'mail:25 answers as NNTP: "201 no posting"'],
  ["+OK Dovecot ready.\r\n", 'mail:25 answers as POP3: "+OK Dovecot ready."'],
  ["* OK IMAP4rev1 ready\r\n", 'mail:25 answers as IMAP: "* OK IMAP4rev1 ready"'],
  ["* PREAUTH ready\n", 'mail:25 answers as IMAP: "* PREAUTH ready"'],
  ["554 no service for you\r\n", 'mail:25 says "554 no service for you"'],
  ["2200 x\r\n", 'mail:25 says "2200 x"'],
  ["502 permission denied\r\n", 'mail:25 says "502 permission denied"'],
  ["-ERR busy\r\n", 'mail:25 says "-ERR busy"'],
  ["* BYE busy\r\n", 'mail:25 says "* BYE busy"'],
  ["\r\n", 'mail:25 says ""'],
];

for (const [said, words] of GREETINGS) {
  test(`a target that says ${JSON.stringify(said)} is told as it is`, async () => {
    await using peer = await speakingServer(said);
    assert.equal(replyText("mail:25", await tryTarget(peer, patient)), words);
    await peer.idle();
  });
}

test("a greeting that comes in pieces is waited for", async () => {
  await using peer = await listen((socket) => {
    socket.write("22");
    socket.write("0 mail");
    setTimeout(() => socket.write(".isp.com\r\n"), 50);
  });
  assert.deepEqual(await tryTarget(peer, patient), {
    kind: "greets",
    protocol: "SMTP",
    line: "220 mail.isp.com",
  });
});

test("an end in the middle of a line is the end of the line", async () => {
  await using peer = await listen((socket) => void socket.end("220 mail"));
  assert.deepEqual(await tryTarget(peer, patient), { kind: "greets", protocol: "SMTP", line: "220 mail" });
});

test("a flood without a line is cut", async () => {
  await using peer = await speakingServer("x".repeat(1_000_000));
  const answer = await tryTarget(peer, patient);
  assert.deepEqual(answer, { kind: "says", line: "x".repeat(512) });
  await peer.idle();
});

test("silence is an answer, when time is up", async () => {
  await using peer = await silentServer();
  const answer = await tryTarget(peer, { ...patient, limit: 200 });
  assert.equal(replyText("mail:25", answer), "mail:25 accepts the connection and sends nothing for 0.2 s");
  await peer.idle();
});

test("a target that closes without a word is told", async () => {
  await using closing = await closingServer();
  assert.equal(
    replyText("mail:25", await tryTarget(closing, patient)),
    "mail:25 closes the connection without an answer",
  );
});

test("a connection that breaks before a word is closed too", async () => {
  const carry: Carry = async () => {
    const far = new PassThrough();
    setImmediate(() => far.destroy(new Error("reset")));
    return far;
  };
  assert.deepEqual(await tryTarget(mail, { ...patient, carry }), { kind: "closed" });
});

test("a connection that cannot be had is told with its reason", async () => {
  const refused = await tryTarget({ host: "127.0.0.1", port: await refusingPort() }, patient);
  assert.match(replyText("mail:25", refused), /^no connection to mail:25: connect ECONNREFUSED/);
  const hints = ["allow it"];
  const carry: Carry = () =>
    Promise.reject(new Failure("network", "work", "forwarding is not allowed", { hints }));
  const answer: TargetReply = { kind: "refused", why: "forwarding is not allowed", hints };
  assert.deepEqual(await tryTarget(mail, { ...patient, carry }), answer);
});

test("a server that never says whether it connects is given up, and what it opens later is closed", async () => {
  await using peer = await silentServer();
  let open = (): void => {};
  const carry: Carry = async (_to, origin) => {
    await new Promise<void>((resolve) => {
      open = resolve;
    });
    return carryByTcp(peer, origin);
  };
  const answer = await within(tryTarget(mail, { ...patient, carry, limit: 200 }), "an answer");
  assert.deepEqual(answer, { kind: "refused", why: "took longer than 200 ms", hints: [] });
  open();
  await peer.connected();
  await peer.idle();
});

test("it is given up with the signal", async () => {
  await using peer = await silentServer();
  const enough = new AbortController();
  const asked = tryTarget(peer, { ...patient, signal: enough.signal });
  await peer.connected();
  enough.abort(new Error("enough"));
  await assert.rejects(asked, /enough/);
  await peer.idle();
});
