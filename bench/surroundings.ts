import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { availableParallelism, cpus, release, totalmem } from "node:os";
import { fileURLToPath } from "node:url";
import { findProgram, program } from "../test/peers/programs.ts";
import { recentSshd } from "../test/peers/recent_sshd.ts";
import { opensshVersion, recentSsh } from "./openssh.ts";
import type { Surroundings } from "./results.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

/** The machine, the programs and the commit that a run is about. */
export function surroundings(): Surroundings {
  return {
    date: new Date().toISOString().slice(0, 10),
    commit: commit(),
    kernel: `Linux ${release()}`,
    processor: cpus()[0]?.model.trim() ?? "unknown",
    cores: availableParallelism(),
    memory: Math.round(totalmem() / 1024 ** 3),
    versions: versions(),
  };
}

function versions(): Readonly<Record<string, string>> {
  const bun = JSON.parse(readFileSync(`${root}node_modules/bun/package.json`, "utf8")) as { version: string };
  const recent = { ssh: recentSsh(), sshd: recentSshd()?.path };
  const found: Record<string, string | undefined> = {
    ssh: opensshVersion(program("ssh")),
    sshd: opensshVersion(program("sshd")),
    "ssh 10": recent.ssh === undefined ? undefined : opensshVersion(recent.ssh),
    "sshd 10": recent.sshd === undefined ? undefined : opensshVersion(recent.sshd),
    dbclient: said("dbclient", ["-V"], /v(\S+)/),
    plink: said("plink", ["-V"], /Release (\S+)/),
    Perl: said("perl", ["-v"], /\(v([\d.]+)\)/),
    socat: said("socat", ["-V"], /socat version (\S+)/),
    Dovecot: said("dovecot", ["--version"], /^(\S+)/),
    Node: process.versions.node,
    Bun: bun.version,
  };
  const present = Object.entries(found).filter(([, version]) => version !== undefined);
  return Object.fromEntries(present) as Record<string, string>;
}

function said(name: string, words: readonly string[], pattern: RegExp): string | undefined {
  const path = findProgram(name);
  if (path === undefined) return undefined;
  const { stdout, stderr } = spawnSync(path, words, { encoding: "utf8" });
  return pattern.exec(stdout + stderr)?.[1];
}

/** The results themselves, written by an earlier run, do not count as a change. */
function commit(): string {
  const git = (...words: readonly string[]) => {
    return spawnSync("git", words, { cwd: root, encoding: "utf8" }).stdout?.trim() ?? "";
  };
  const name = git("rev-parse", "--short=10", "HEAD");
  const written = [
    "line.json",
    "line.md",
    "local.json",
    "local.md",
    "results.json",
    "results.md",
    "results.svg",
  ];
  const changed =
    git(
      "status",
      "--porcelain",
      "--untracked-files=no",
      "--",
      ".",
      ...written.map((name) => `:!bench/${name}`),
    ) !== "";
  if (process.env.PREAUTH_DIST !== undefined) return "unknown (PREAUTH_DIST)";
  return `${name === "" ? "unknown" : name}${changed ? " with changes" : ""}`;
}
