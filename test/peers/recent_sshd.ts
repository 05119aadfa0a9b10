import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { findProgram } from "./programs.ts";

/** An sshd that has ML-KEM: OpenSSH 9.9 or later. */
export interface RecentSshd {
  readonly path: string;
  /** Lines of sshd_config that lead it to its own parts, and let tests fail to log in as often as they like. */
  readonly config: readonly string[];
}

/** Where set-up unpacks one when the system's is older. */
const UNPACKED = fileURLToPath(new URL("../.cache/openssh/", import.meta.url));

/** The system's own, or the one that set-up has brought. */
export function recentSshd(): RecentSshd | undefined {
  const own = findProgram("sshd");
  const patient = "PerSourcePenalties no";
  if (own !== undefined && isRecent(own)) return { path: own, config: [patient] };
  const path = `${UNPACKED}usr/sbin/sshd`;
  const parts = `${UNPACKED}usr/lib/openssh/`;
  const config = [patient, `SshdSessionPath ${parts}sshd-session`, `SshdAuthPath ${parts}sshd-auth`];
  return isRecent(path) ? { path, config } : undefined;
}

/** For the `skip` of a test that needs it. In CI nothing is skipped: it throws. */
export function skipWithoutRecentSshd(): string | false {
  if (recentSshd() !== undefined) return false;
  const reason = "no sshd of OpenSSH 9.9 or later: node test/setup.mjs";
  if (process.env.CI === "true") throw new Error(reason);
  return reason;
}

/** 9.2 knows no -V, and says its version on the way to saying so. */
function isRecent(path: string): boolean {
  const { stderr } = spawnSync(path, ["-V"], { encoding: "utf8" });
  const [, major = 0, minor = 0] = /^OpenSSH_(\d+)\.(\d+)/m.exec(stderr ?? "")?.map(Number) ?? [];
  return major > 9 || (major === 9 && minor >= 9);
}
