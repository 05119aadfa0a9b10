import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { describeForms } from "../../peers/binaries.ts";
import { runCall } from "../../peers/call.ts";
import { makeHome, tableFor } from "../../peers/home.ts";
import { type Sshd, startSshd } from "../../peers/sshd.ts";
import { silentServer } from "../../peers/tcp.ts";
import { converse } from "../calls/client.ts";
import { RAW } from "./fuzz.ts";

let sshd: Sshd;
before(async () => {
  sshd = await startSshd();
});
after(() => sshd.stop());

describeForms("the words of a call", (form) => {
  const ODD = ["\x1b]0;owned\x07\r\n* PREAUTH x\u202e", "%s%n$(id)", "a".repeat(100_000), "--"];

  test("are never written raw, on a terminal or into the log, wherever they stand", async () => {
    using home = makeHome();
    home.writeTable(tableFor(sshd));
    const run = async (words: readonly string[], stdio: "terminal" | "alpine"): Promise<void> => {
      const { output, status } = await runCall([...form.argv, ...words], { env: home.env, stdio, input: "" });
      assert.doesNotMatch(output.toString("utf8").replace(/\r+\n/g, "\n"), RAW, JSON.stringify(words));
      // Without a SERVER the whole table is explained, as behind two dashes.
      const isGood = words.join(" ") === "--explain --";
      assert.equal((status === 0 && !isGood) || status === 70, false, `${status}: ${JSON.stringify(words)}`);
      if (stdio === "alpine" && words.length === 3) assert.equal(output.toString(), "");
    };
    for (const odd of ODD) {
      const calls = [
        [odd, "jane", "imap"],
        ["mail.test", odd, "imap"],
        ["mail.test", "jane", odd],
      ];
      const verbs = [[odd], [`--${odd}`], ["--explain", odd]];
      await Promise.all([
        ...[...calls, ...verbs].map((words) => run(words, "terminal")),
        ...calls.slice(odd === "--" ? 1 : 0).map((words) => run(words, "alpine")),
      ]);
    }
    assert.doesNotMatch(home.log(), RAW);
  });

  test("lead over no other host, and to no other file of ssh_config", async () => {
    using home = makeHome();
    await using elsewhere = await silentServer();
    const evil = home.write("evil", readFileSync(sshd.knownHosts, "utf8"));
    const lines = [
      "Host 127.0.0.1",
      `  UserKnownHostsFile ${home.path}/known_%r`,
      "  GlobalKnownHostsFile none",
      "Host localhost",
      "  ProxyJump %r@bastion",
    ];
    const config = home.write("ssh_config", `${lines.join("\n")}\n`);
    const keys = { ssh_config: config, user: undefined, known_hosts: undefined };
    home.writeTable(
      [
        tableFor(sshd, { ...keys, match: "files" }),
        tableFor(sshd, { ...keys, match: "jumps", server: "localhost" }),
      ].join("\n"),
    );
    for (const [server, user] of [
      ["files", `x ${evil}`],
      ["files", "x/../evil"],
      ["jumps", `jane@127.0.0.1:${elsewhere.port},bob`],
      ["jumps", `jane@127.0.0.1:${elsewhere.port}`],
    ] as const) {
      const options = { env: home.env, stdio: "pipes" } as const;
      const { status, stderr } = await converse([...form.argv, server, user, "imap"], options);
      assert.match(stderr, /^preauth: \w+: ".*" cannot stand in /, stderr);
      assert.equal(status, 78);
    }
    assert.equal(elsewhere.connections, 0);
  });
});
