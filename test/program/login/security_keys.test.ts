import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import type { Agent } from "../../peers/agent.ts";
import { describeForms, type Form } from "../../peers/binaries.ts";
import { type Home, makeHome, tableFor } from "../../peers/home.ts";
import { program } from "../../peers/programs.ts";
import { plugIn, type SecurityKey, skipWithoutCompiler } from "../../peers/security_key.ts";
import { check, lineOf, type } from "../verbs/hinted.ts";
import { mailbox, sshd } from "../verbs/own_server.ts";

/* Security keys with OpenSSH's ssh-keygen, ssh-agent and sshd, and a security key in software. */

const skip = skipWithoutCompiler();

/** Lets a key in. */
function admit(path: string, options: string): void {
  const line = readFileSync(`${path}.pub`, "utf8");
  appendFileSync(join(dirname(sshd.identity), "authorized_keys"), `${options} ${line}`.trimStart());
}

/** Whether ssh(1) is let in by a key that the agent has. */
function letsInSsh(path: string, agent: Agent): boolean {
  const options = ["BatchMode=yes", "IdentitiesOnly=yes", `UserKnownHostsFile=${sshd.knownHosts}`];
  const words = ["-F", "none", "-i", path, "-p", `${sshd.port}`, ...options.flatMap((one) => ["-o", one])];
  const env = { ...process.env, SSH_AUTH_SOCK: agent.socket };
  const run = spawnSync(program("ssh"), [...words, `${sshd.user}@${sshd.host}`, "true"], { env });
  return run.status === 0;
}

/** What ssh-keygen is told, what the server is told, whether the key is touched, and whether that lets in. */
const STATES = [
  [[], "", true, true],
  [[], "", false, false],
  [["no-touch-required"], "", false, false],
  [["no-touch-required"], "no-touch-required", false, true],
  [["verify-required"], "verify-required", true, true],
  [["verify-required"], "", false, false],
  [[], "verify-required", true, false],
] as const;

interface Scene extends AsyncDisposable {
  readonly security: SecurityKey;
  readonly home: Home;
  readonly agent: Agent;
  /** Has the agent use a key. */
  add(path: string): void;
  /** `--check` with this key alone. */
  check(form: Form, path: string): ReturnType<typeof check>;
}

async function scene(): Promise<Scene> {
  const security = plugIn();
  const home = makeHome();
  const agent = await security.agent();
  const env = { SSH_AUTH_SOCK: agent.socket };
  return {
    ...{ security, home, agent },
    add: (path) => {
      const options = { env: { ...process.env, ...security.env, ...env }, stdio: "ignore" } as const;
      execFileSync(program("ssh-add"), ["-q", path], options);
    },
    check: (form, path) => {
      home.writeTable(tableFor(sshd, { match: "work", identity: path, "commands.imap": mailbox.command }));
      return check(form, home, env);
    },
    [Symbol.asyncDispose]: async () => {
      await agent[Symbol.asyncDispose]();
      home[Symbol.dispose]();
      security[Symbol.dispose]();
    },
  };
}

describeForms("a security key", { concurrency: 3 }, (form) => {
  for (const kind of ["ecdsa-sk", "ed25519-sk"] as const) {
    test(`whose file is named, and that no agent has: the hint has one ask it (${kind})`, {
      skip,
    }, async () => {
      await using on = await scene();
      const path = on.security.make("id", kind);
      admit(path, "");
      const { status, stderr, hints } = await on.check(form, path);
      assert.equal(status, 77, stderr);
      assert.match(stderr, /needs its security key/);
      const line = lineOf(hints, /^use the security key through an agent: ssh-add /);
      const typed = type(form, on.home, line, { ...on.security.env, SSH_AUTH_SOCK: on.agent.socket });
      assert.equal(typed.status, 0, typed.stderr);
      const mended = await on.check(form, path);
      assert.equal(mended.status, 0, mended.stderr);
    });
  }

  for (const [options, authorized, isTouched, letsIn] of STATES) {
    const words = [
      `made with ${options[0] ?? "no option"}`,
      ...(authorized === "" ? [] : [`for a server with ${authorized}`]),
      isTouched ? "touched" : "untouched",
    ].join(", ");
    test(`${words}, ${letsIn ? "lets in" : "does not let in"}, as with ssh`, { skip }, async () => {
      await using on = await scene();
      for (const kind of ["ecdsa-sk", "ed25519-sk"] as const) {
        on.security.touch(true);
        const path = on.security.make(kind, kind, options);
        admit(path, authorized);
        on.add(path);
        on.security.touch(isTouched);
        assert.equal(letsInSsh(path, on.agent), letsIn, sshd.log());
        const { status, stderr } = await on.check(form, path);
        assert.equal(status, letsIn ? 0 : 77, stderr);
        if (isTouched || options[0] === "no-touch-required") continue;
        assert.match(stderr, /the agent refused to sign: /);
        assert.match(stderr, /hint: answer yes when the agent asks, or touch the key; /);
      }
    });
  }

  for (const [options, authorized] of [
    [["no-touch-required"], ""],
    [[], "verify-required"],
  ] as const) {
    test(`whose signature the server refuses: both ways of the hint help (${options[0] ?? authorized})`, {
      skip,
    }, async () => {
      await using on = await scene();
      const path = on.security.make("id", "ed25519-sk", options);
      admit(path, authorized);
      on.add(path);
      const { status, stderr, hints } = await on.check(form, path);
      assert.equal(status, 77, stderr);
      const hint =
        hints.find((one) => one.startsWith("if it is there, it wants a touch or a PIN: ")) ?? stderr;
      const [, option = "", line = ""] =
        /write (\S+) before it, or make a key that has both: (.*)$/.exec(hint) ?? [];
      const another = `${path}.another`;
      const env = { ...on.security.env, ...on.security.asking };
      const typed = type(form, on.home, `${line} -q -N '' -f ${another}`, env);
      assert.equal(typed.status, 0, typed.stderr);
      admit(another, authorized);
      on.add(another);
      const mended = await on.check(form, another);
      assert.equal(mended.status, 0, mended.stderr);
      if (authorized !== "") return;
      const file = join(dirname(sshd.identity), "authorized_keys");
      const own = readFileSync(`${path}.pub`, "utf8");
      writeFileSync(file, readFileSync(file, "utf8").replace(own, `${option} ${own}`));
      const allowed = await on.check(form, path);
      assert.equal(allowed.status, 0, allowed.stderr);
    });
  }
});
