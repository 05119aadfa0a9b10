import { spawn, spawnSync } from "node:child_process";
import { type Home, hostTable, makeHome } from "../../test/peers/home.ts";
import { descendantsOf, processesMarked, wordsOf } from "../../test/peers/processes.ts";
import { program } from "../../test/peers/programs.ts";
import { type Sshd, startSshd } from "../../test/peers/sshd.ts";
import { refusingPort } from "../../test/peers/tcp.ts";
import { poll } from "../../test/peers/waiting.ts";
import { spawned } from "../child.ts";
import type { Cleanup } from "../cleanup.ts";
import { BUILT } from "../preauth.ts";
import { greetingAt } from "./client.ts";

/** Sessions that sshd gives on one connection: enough that each program has one connection only. */
export const MAX_SESSIONS = 300;

/** A program that listens at a local port, whose every connection is an imapd of the server's. */
export interface LocalPort {
  readonly name: string;
  readonly port: number;
  /** The processes that stay: who listens, and who holds the connection. */
  readonly lasting: readonly number[];
  /** These, and those that are there for single connections now. */
  processes(): readonly number[];
}

/** Says back what it hears, and never stops at the word "flood": what it takes is the same for all. */
const IMAPD = `#!/bin/sh
printf '* PREAUTH ready\\r\\n'
while read -r line; do
  case $line in flood*) exec yes ;; *) printf '%s\\n' "$line" ;; esac
done
`;

/** preauth, and socat with ssh's ControlMaster, at one sshd. */
export async function localPorts(cleanup: Cleanup): Promise<readonly LocalPort[]> {
  const home = cleanup.use(makeHome());
  const imapd = home.write("imapd", IMAPD, 0o755);
  const sshd = cleanup.use(await startSshd({ config: [`MaxSessions ${MAX_SESSIONS}`] }));
  const place = { home, sshd, imapd, cleanup };
  return [await preauth(place), await socat(place)];
}

interface Place {
  readonly home: Home;
  readonly sshd: Sshd;
  readonly imapd: string;
  readonly cleanup: Cleanup;
}

async function preauth({ home, sshd, imapd, cleanup }: Place): Promise<LocalPort> {
  const [{ argv, name } = { argv: [], name: "" }] = BUILT;
  const [file = "", ...words] = argv;
  const port = await refusingPort();
  const host = hostTable({
    ...{ match: "mail.test", server: sshd.host, port: sshd.port, user: sshd.user },
    ...{ identity: sshd.identity, known_hosts: sshd.knownHosts, ssh_config: "none", share: true },
    "commands.imap": `exec ${imapd}`,
  });
  home.writeTable(
    `${host}\n[[forward]]\nname = "inbox"\nlisten = ${port}\nmethod = "imap"\nvia = "mail.test"\n`,
  );
  const run = (...verb: readonly string[]) =>
    spawnSync(file, [...words, ...verb], { env: home.env, encoding: "utf8" });
  cleanup.add(() => run("--stop", "--now"));
  const { status, stderr } = run("--forward", "mail.test", "--for", "forever");
  if (status !== 0) throw new Error(stderr);
  const master = processesMarked(`HOME=${home.path}`).find((pid) => wordsOf(pid).includes("--master"));
  if (master === undefined) throw new Error("there is no master");
  return { name, port, lasting: [master], processes: () => [master] };
}

async function socat({ home, sshd, imapd, cleanup }: Place): Promise<LocalPort> {
  const port = await refusingPort();
  const config = home.write(
    "ssh_config",
    [
      ...[`HostName ${sshd.host}`, `Port ${sshd.port}`, `User ${sshd.user}`, "BatchMode yes"],
      ...[`IdentityFile ${sshd.identity}`, "IdentitiesOnly yes", `UserKnownHostsFile ${sshd.knownHosts}`],
      `ControlPath ${home.path}/control`,
    ].join("\n"),
  );
  const ssh = program("ssh");
  const words = ["-F", config, "mail.test"];
  const master = spawn(ssh, ["-M", "-N", ...words], { stdio: "ignore" });
  cleanup.add(() => master.kill());
  await poll(() => spawnSync(ssh, ["-O", "check", ...words]).status === 0, "ssh's master");
  // It has a queue for five where it is not told otherwise, and the other clients wait for seconds then.
  const listen = `TCP-LISTEN:${port},bind=127.0.0.1,reuseaddr,fork,backlog=511`;
  const listener = spawn(program("socat"), [listen, `EXEC:${[ssh, ...words, imapd].join(" ")}`], {
    stdio: "ignore",
  });
  cleanup.add(() => listener.kill());
  await poll(() => greetingAt(port).catch(() => undefined), "socat");
  const lasting = [await spawned(listener), await spawned(master)];
  return {
    ...{ name: "socat, ssh, ControlMaster", port, lasting },
    processes: () => [...lasting, ...lasting.flatMap(descendantsOf)],
  };
}
