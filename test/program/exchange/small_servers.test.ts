import assert from "node:assert/strict";
import { test } from "node:test";
import { describeForms, type Form } from "../../peers/binaries.ts";
import { startCall } from "../../peers/call.ts";
import { hostTable, makeHome, tableFor } from "../../peers/home.ts";
import { startSshd } from "../../peers/sshd.ts";
import { GREETING, MAIL, refusal, saying, since } from "../calls/client.ts";
import { type Mischief, startServant, wireString } from "../hostile/servant.ts";

const IGNORED = Buffer.from([2, 0, 0, 0, 0]);
const [SERVICE_ACCEPT, USERAUTH_FAILURE, CHANNEL_SUCCESS] = [6, 51, 99];

/** Puts another payload in the place of each message of a type. */
function replacing(type: number, by: (payload: Buffer) => Buffer): NonNullable<Mischief["recognised"]> {
  return (_client, wires) =>
    wires.changePackets((payload) => (payload[0] === type ? by(payload) : undefined));
}

const greet: NonNullable<Mischief["session"]> = (session) =>
  session.on("exec", (accept) => {
    const channel = accept();
    channel.write(GREETING);
    channel.on("data", (chunk: Buffer) => channel.write(chunk));
    channel.on("end", () => channel.close());
  });

/** Servers that are old, small or talkative, and still let a user in who comes with ssh. */
const SERVERS: Readonly<Record<string, Mischief>> = {
  "gives no name when it accepts the login's service": {
    session: greet,
    recognised: replacing(SERVICE_ACCEPT, () => Buffer.from([SERVICE_ACCEPT])),
  },
  "gives another name then": {
    session: greet,
    recognised: replacing(SERVICE_ACCEPT, () =>
      Buffer.concat([Buffer.from([6]), wireString("ssh-connection")]),
    ),
  },
  "never says that it has started the command": {
    session: greet,
    recognised: replacing(CHANNEL_SUCCESS, () => IGNORED),
  },
  "shows a banner of 250,000 bytes": {
    session: greet,
    recognised: (_client, wires) =>
      wires.sendPayload(
        Buffer.concat([Buffer.from([53]), wireString("b\n".repeat(125_000)), wireString("")]),
      ),
  },
};

async function open(
  form: Form,
  mischief: Mischief,
  keys: Readonly<Record<string, string>>,
  words: readonly string[],
) {
  const home = makeHome();
  const servant = await startServant(mischief);
  const { port, user, identity, knownHosts } = servant;
  const to = { match: "mail.test", server: "127.0.0.1", port, user, identity, known_hosts: knownHosts };
  home.writeTable(hostTable({ ...to, ssh_config: "none", ...keys }));
  const call = await startCall([...form.argv, ...words], { env: home.env, stdio: "alpine" });
  return {
    call,
    home,
    [Symbol.asyncDispose]: async () => {
      await call[Symbol.asyncDispose]();
      await servant[Symbol.asyncDispose]();
      home[Symbol.dispose]();
    },
  };
}

describeForms("a server that", { concurrency: 2 }, (form) => {
  for (const [what, mischief] of Object.entries(SERVERS)) {
    test(`${what} is heard at once`, async () => {
      await using opened = await open(form, mischief, { "commands.imap": "imapd", deadline: "8s" }, MAIL);
      await opened.call.readUntil(/PREAUTH/);
      assert.ok(since(opened.call) < 4000, `${since(opened.call)} ms`);
      opened.call.write("A1 NOOP\r\n");
      await opened.call.readUntil(/A1 NOOP/);
    });
  }

  test("never says that it has started a command is sent what a client that speaks first says", async () => {
    const mischief: Mischief = {
      recognised: replacing(CHANNEL_SUCCESS, () => IGNORED),
      session: (session) =>
        session.on("exec", (accept) => {
          const channel = accept();
          channel.on("data", (chunk: Buffer) => channel.end(`heard ${chunk}`));
        }),
    };
    const words = ["mail.test", "jane", "other"];
    await using opened = await open(form, mischief, { "commands.other": "x", deadline: "8s" }, words);
    opened.call.write("hello\r\n");
    await opened.call.readUntil(/heard hello/);
  });

  test("refuses to run commands is told as such", async () => {
    const mischief: Mischief = { session: (session) => session.on("exec", (_accept, reject) => reject()) };
    await using opened = await open(form, mischief, { "commands.imap": "imapd", deadline: "8s" }, MAIL);
    opened.call.write("A7 SELECT INBOX\r\n");
    const { output } = await opened.call.finished();
    assert.equal(output.toString(), refusal("mail.test: the server does not run commands"));
  });

  test("takes leave with a text of 200,000 bytes is quoted", async () => {
    const farewell = Buffer.concat([
      Buffer.from([1, 0, 0, 0, 2]),
      wireString("gone ".repeat(40_000)),
      wireString(""),
    ]);
    const mischief: Mischief = { recognised: (_client, wires) => wires.sendPayload(farewell) };
    await using opened = await open(form, mischief, { "commands.imap": "imapd", deadline: "8s" }, MAIL);
    opened.call.write("A7 SELECT INBOX\r\n");
    const { output } = await opened.call.finished();
    assert.match(output.toString(), /BYE preauth: .*gone gone/);
  });

  test("takes 20,000 methods beside the key lets in", async () => {
    const methods = wireString(
      ["publickey", ...Array.from({ length: 20_000 }, (_, at) => `m${at}`)].join(","),
    );
    let refusals = 0;
    const mischief: Mischief = {
      session: greet,
      // The question about the first key is answered with a no.
      recognised: (client, wires) => {
        client.removeAllListeners("authentication");
        client.on("authentication", (context) => (refusals++ === 0 ? context.reject() : context.accept()));
        replacing(USERAUTH_FAILURE, () => Buffer.concat([Buffer.from([51]), methods, Buffer.from([0])]))(
          client,
          wires,
        );
      },
    };
    await using opened = await open(form, mischief, { "commands.imap": "imapd", deadline: "8s" }, MAIL);
    opened.call.write("A7 SELECT INBOX\r\n");
    const { output } = await opened.call.finished();
    assert.match(output.toString(), /BYE preauth: /);
    assert.doesNotMatch(output.toString(), /packet|lost/);
  });
});

describeForms("sshd", (form) => {
  test("with a version that is not ASCII lets in, also early", async () => {
    using home = makeHome();
    await using sshd = await startSshd({ config: ["VersionAddendum Büro-Server €"] });
    home.writeTable(tableFor(sshd, { "commands.imap": saying(home, GREETING), share: false }));
    for (let turn = 0; turn < 2; turn++) {
      await using call = await startCall([...form.argv, ...MAIL], { env: home.env, stdio: "alpine" });
      await call.readUntil(/PREAUTH/);
    }
  });
});
