import { execFileSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Agent, startAgent } from "./agent.ts";
import { findProgram, program } from "./programs.ts";
import { makeTemporary, removeTemporary } from "./temporary.ts";

/** A security key in software, which OpenSSH's own programs use as one that is plugged in. */
export interface SecurityKey extends Disposable {
  /** What a program needs in its environment to find it. */
  readonly env: Readonly<Record<string, string>>;
  /** And to be told its PIN. */
  readonly asking: Readonly<Record<string, string>>;
  /** Makes a key in it, with options of ssh-keygen's -O; gives the path of its file. */
  make(name: string, type: "ecdsa-sk" | "ed25519-sk", options?: readonly string[]): string;
  /** Whether a finger is on it. */
  touch(isThere: boolean): void;
  /** An agent that may use it; it asks nobody for the PIN, but has it. */
  agent(): Promise<Agent>;
}

/** The PIN that security_key.c has. */
const PIN = "1234";

/** For the `skip` of a test that needs it. In CI nothing is skipped: it throws. */
export function skipWithoutCompiler(): string | false {
  if (findProgram("gcc") !== undefined) return false;
  const reason = "no gcc: node test/setup.mjs";
  if (process.env.CI === "true") throw new Error(reason);
  return reason;
}

/** Builds it, in a fifth of a second, with a finger on it. */
export function plugIn(): SecurityKey {
  const folder = makeTemporary();
  const provider = join(folder, "security_key.so");
  const source = join(import.meta.dirname, "security_key.c");
  execFileSync(program("gcc"), ["-shared", "-fPIC", "-o", provider, source, "-l:libcrypto.so.3"]);
  const finger = join(folder, "finger");
  const askpass = join(folder, "askpass");
  writeFileSync(askpass, `#!/bin/sh\necho ${PIN}\n`, { mode: 0o700 });
  const asking = { SSH_ASKPASS: askpass, SSH_ASKPASS_REQUIRE: "force", DISPLAY: ":0" };
  const env = { SSH_SK_PROVIDER: provider, PREAUTH_TEST_TOUCH: finger };
  const touch = (isThere: boolean): void => {
    if (isThere) writeFileSync(finger, "");
    else rmSync(finger, { force: true });
  };
  touch(true);
  return {
    ...{ env, asking, touch },
    make: (name, type, options = []) => {
      const path = join(folder, name);
      const words = ["-q", "-t", type, "-N", "", "-f", path, ...options.flatMap((one) => ["-O", one])];
      execFileSync(program("ssh-keygen"), words, {
        stdio: ["ignore", "ignore", "pipe"],
        env: { ...process.env, ...env, ...asking },
      });
      return path;
    },
    agent: () => startAgent([], { ...env, ...asking }, ["-P", `${folder}/*`]),
    [Symbol.dispose]: () => removeTemporary(folder),
  };
}
