import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { describeForms } from "../../peers/binaries.ts";
import { type Home, makeHome, tableFor } from "../../peers/home.ts";
import { program } from "../../peers/programs.ts";
import { type Sshd, startSshd } from "../../peers/sshd.ts";
import { converse, GREETING, MAIL } from "../calls/client.ts";

describeForms("a ProxyCommand", (form) => {
  let gates: readonly Sshd[];
  let last: Sshd;
  let home: Home;
  before(async () => {
    gates = await Promise.all([startSshd(), startSshd()]);
    last = await startSshd();
    home = makeHome();
  });
  after(async () => {
    await Promise.all([...gates, last].map((sshd) => sshd.stop()));
    home[Symbol.dispose]();
  });

  const entry = (name: string, { host, port, user, identity, knownHosts }: Sshd) =>
    [
      `Host ${name}`,
      ...[`HostName ${host}`, `Port ${port}`, `User ${user}`, `IdentityFile ${identity}`],
      ...[`UserKnownHostsFile ${knownHosts}`, "GlobalKnownHostsFile none", "IdentitiesOnly yes", ""],
    ].join("\n ");
  const arrange = (line: string) => {
    const [one, two] = gates;
    const hosts = one !== undefined && two !== undefined ? [entry("one", one), entry("two", two)] : [];
    const file = home.write("ssh config", [...hosts, `Host ${last.host}`, ` ${line}`, ""].join("\n"));
    const command = { "commands.imap": `cat '${home.write("said", GREETING)}'` };
    home.writeTable(tableFor(last, { ssh_config: file, on_failure: "tell", ...command }));
    return file;
  };
  const call = async (shell: string | undefined) =>
    String(
      (await converse([...form.argv, ...MAIL], { env: { ...home.env, ...(shell && { SHELL: shell }) } }))
        .output,
    );

  for (const name of ["sh", "csh", "fish", "zsh"]) {
    test(`is run by ${name} where that is the user's shell, and so are two jumps with a blank in -F's file`, async () => {
      const shell = program(name);
      for (const line of [
        `ProxyCommand ssh -F '${home.path}/ssh config' -o BatchMode=yes -W %h:%p two`,
        "ProxyJump one,two",
      ]) {
        arrange(line);
        assert.equal(await call(shell), GREETING, line);
      }
    });
  }

  test("comes to the shell as ssh gives it: -c, and one word that begins with exec", async () => {
    const log = join(home.path, "words");
    const shell = home.write("shell", `#!/bin/sh\nprintf '<%s>' "$@" >'${log}'\nexec /bin/sh "$@"\n`, 0o700);
    const file = arrange(`ProxyCommand ssh -F '${home.path}/ssh config' -W %h:%p two`);
    assert.equal(await call(shell), GREETING);
    const ours = readFileSync(log, "utf8");
    rmSync(log);
    const words = ["-F", file, "-o", "BatchMode=yes", "-p", String(last.port), last.host, "true"];
    spawnSync(program("ssh"), words, { env: { ...home.env, SHELL: shell } });
    assert.equal(ours, readFileSync(log, "utf8"));
    assert.match(ours, /^<-c><exec ssh /);
  });

  test("has /bin/sh where there is no SHELL, and a SHELL that is not there is named", async () => {
    arrange(`ProxyCommand ssh -F '${home.path}/ssh config' -o BatchMode=yes -W %h:%p two`);
    for (const none of [undefined, ""]) assert.equal(await call(none), GREETING);
    assert.match(await call("/nowhere/zsh"), /could not be started: \$SHELL is \/nowhere\/zsh \(ENOENT\)/);
  });
});
