import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { test } from "node:test";
import { describeForms } from "../../peers/binaries.ts";
import { runCall, startCall } from "../../peers/call.ts";
import { makeHome, tableFor } from "../../peers/home.ts";
import { recentSshd, skipWithoutRecentSshd } from "../../peers/recent_sshd.ts";
import { startSshd } from "../../peers/sshd.ts";
import { skipWithoutTinysshd, startTinysshd } from "../../peers/tinysshd.ts";
import { converse, GREETING, MAIL } from "../calls/client.ts";

const CHACHA20 = "chacha20-poly1305@openssh.com";
const ALL = `Ciphers ${CHACHA20},aes256-gcm@openssh.com,aes128-gcm@openssh.com`;

describeForms("a server with ChaCha20-Poly1305", (form) => {
  const servers = [
    ["the system's sshd", false, () => startSshd({ config: [`Ciphers ${CHACHA20}`] })],
    [
      "an sshd of OpenSSH 10",
      skipWithoutRecentSshd(),
      () => startSshd({ program: recentSshd(), config: [`Ciphers ${CHACHA20}`] }),
    ],
    ["TinySSH", skipWithoutTinysshd(), startTinysshd],
  ] as const;

  for (const [title, skip, start] of servers) {
    test(`and nothing else opens a mailbox, step by step, early and shared: ${title}`, { skip }, async () => {
      await using server = await start();
      for (const share of [false, true]) {
        using home = makeHome();
        const command = { "commands.imap": `cat '${home.write("said", GREETING)}'` };
        home.writeTable(tableFor(server, { share, on_failure: "tell", ...command }));
        for (let call = 1; call <= 2; call++) {
          const { output } = await converse([...form.argv, ...MAIL], { env: home.env });
          assert.ok(String(output).startsWith(GREETING), `${output}\n${server.log()}`);
        }
      }
    });

    test(`carries bytes both ways, whatever their number: ${title}`, { skip }, async () => {
      await using server = await start();
      using home = makeHome();
      home.writeTable(tableFor(server, { "commands.smtp": "exec cat" }));
      await using call = await startCall([...form.argv, "mail.test", "jane", "smtp"], {
        ...{ env: home.env, collect: false },
      });
      const sent = createHash("sha256");
      const received = createHash("sha256");
      const greeting = Buffer.from("220 ready\r\n");
      const pieces = [greeting, ...[1, 7, 4096, 32_768, 65_537, 1_000_003].map((size) => randomBytes(size))];
      for (const piece of pieces) sent.update(piece);
      const reading = (async () => {
        for await (const chunk of call.stdout) received.update(chunk);
      })();
      for (const piece of pieces) call.write(piece);
      call.end();
      await reading;
      assert.equal(received.digest("hex"), sent.digest("hex"));
    });
  }

  test("is asked for AES-GCM, unless ssh_config wants ChaCha20", async () => {
    await using sshd = await startSshd({ config: [ALL] });
    for (const [config, expected] of [
      ["", "aes128-gcm@openssh.com"],
      [`Ciphers ${CHACHA20},aes128-gcm@openssh.com`, CHACHA20],
    ] as const) {
      using home = makeHome();
      const file = config === "" ? "none" : home.write("ssh_config", `Host *\n ${config}\n`);
      home.writeTable(
        tableFor(sshd, { ssh_config: file, "commands.imap": `printf '${GREETING.trim()}\\r\\n'` }),
      );
      const { output } = await runCall([...form.argv, "--check", "mail.test"], { env: home.env });
      assert.match(String(output), new RegExp(`key exchange .*, ${expected}$`, "m"));
    }
  });

  test("renews its keys in it", async () => {
    await using sshd = await startSshd({ config: [`Ciphers ${CHACHA20}`, "RekeyLimit 100K"] });
    using home = makeHome();
    home.writeTable(
      tableFor(sshd, { "commands.smtp": "printf '220 ready\\r\\n'; exec head -c 1000000 /dev/zero" }),
    );
    await using call = await startCall([...form.argv, "mail.test", "jane", "smtp"], { env: home.env });
    const { output } = await call.finished();
    assert.equal(output.length, 1_000_011);
  });
});
