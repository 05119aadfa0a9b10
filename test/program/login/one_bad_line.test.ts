import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { after, before, test } from "node:test";
import { describeForms } from "../../peers/binaries.ts";
import { runCall } from "../../peers/call.ts";
import { type Home, makeHome, tableFor } from "../../peers/home.ts";
import { program } from "../../peers/programs.ts";
import { type Sshd, startSshd } from "../../peers/sshd.ts";
import { converse, GREETING, MAIL } from "../calls/client.ts";

const UNSET = "$" + "{PREAUTH_TEST_UNSET}";

/** Lines that cannot be used, what the log says of each, and whether ssh does without them too. */
const LINES: readonly (readonly [line: string, said: RegExp, isPassedBySsh: boolean])[] = [
  ["IdentityFile ~nobody-of-that-name/key", /IdentityFile: unknown user "nobody-of-that-name"/, false],
  ["IdentityFile ~daemon/key", /^$/, true],
  ["IdentityFile /k/%Z", /IdentityFile: unknown token "%Z"/, false],
  [`IdentityFile ${UNSET}/key`, /IdentityFile: .* is not set/, false],
  ["IdentityFile /etc", /^$/, true],
  ["CertificateFile ~nobody-of-that-name/key", /CertificateFile: unknown user/, false],
  ["CertificateFile /nowhere/x-cert.pub", /^$/, true],
  ["UserKnownHostsFile /nowhere/known /etc", /^$/, true],
  ["KnownHostsCommand keys-of %H", /KnownHostsCommand: .* does not begin with an absolute path/, true],
  ["KnownHostsCommand /nowhere/keys-of %H", /KnownHostsCommand .* does not exist/, true],
  ["IdentityAgent /nowhere/agent", /^$/, true],
  ["IdentityAgent agent", /IdentityAgent: "agent" is a relative path/, true],
];

describeForms("a line of ssh_config that cannot be used", (form) => {
  let sshd: Sshd;
  before(async () => {
    sshd = await startSshd();
  });
  after(() => sshd.stop());

  const configure = (home: Home, line: string) => {
    const known = line.startsWith("UserKnownHostsFile") ? `${line} ${sshd.knownHosts}` : line;
    const lines = [known, `IdentityFile ${sshd.identity}`, `UserKnownHostsFile ${sshd.knownHosts}`];
    return home.write("ssh_config", ["Host *", ...lines, "GlobalKnownHostsFile none", ""].join("\n "));
  };

  test("is passed over with a word in the log, as by ssh", async () => {
    for (const [line, said, isPassedBySsh] of LINES) {
      using home = makeHome();
      const config = configure(home, line);
      home.writeTable(
        tableFor(sshd, {
          ...{ identity: undefined, known_hosts: undefined, ssh_config: config, on_failure: "tell" },
          "commands.imap": `cat '${home.write("said", GREETING)}'`,
        }),
      );
      const { output } = await converse([...form.argv, ...MAIL], { env: home.env });
      assert.ok(String(output).startsWith(GREETING), `${line}: ${output}`);
      assert.match(said.source === "^$" ? "" : home.log(), said, line);
      if (form.name === "node") continue;
      const words = ["-F", config, "-o", "BatchMode=yes", "-p", String(sshd.port), sshd.host, "true"];
      const { status, stderr } = spawnSync(program("ssh"), words, { env: home.env, encoding: "utf8" });
      assert.equal(status === 0, isPassedBySsh, `${line}: ${stderr}`);
    }
  });

  test("is told by --explain, and by the message where no key is left", async () => {
    using home = makeHome();
    const config = home.write("ssh_config", "Host *\n IdentityFile ~nobody-of-that-name/key\n");
    home.writeTable(tableFor(sshd, { identity: undefined, ssh_config: config }));
    const { output } = await runCall([...form.argv, "--explain", "mail.test"], { env: home.env });
    assert.match(String(output), /^note: IdentityFile: unknown user "nobody-of-that-name".*ignored$/m);
    const call = await converse([...form.argv, ...MAIL], { env: home.env });
    assert.match(String(call.output), /no key to log in with as \S+ \(IdentityFile: unknown user/);
  });
});
