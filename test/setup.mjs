/*
 * Brings what the tests, the demo and the benchmark need, and only what is missing. Plain Node without
 * dependencies, as it runs on a fresh clone.
 *
 *   node test/setup.mjs                  everything for npm test
 *   node test/setup.mjs build            npm packages
 *   node test/setup.mjs demo [--alpine]  npm packages, an SSH server and Dovecot (and Alpine)
 *   node test/setup.mjs bench            npm packages, an SSH server and Dovecot, other SSH clients
 *   node test/setup.mjs release          npm packages, an SSH server and Dovecot, what makes and tries packages
 *   node test/setup.mjs nodes            the other versions of Node, and where they are
 */
import { provideMailHosts } from "./setup/mail_hosts.mjs";
import { provideNodes } from "./setup/nodes.mjs";
import { provideNpmPackages } from "./setup/npm.mjs";
import { providePeers } from "./setup/peers.mjs";
import { provideRecentSshd } from "./setup/recent_sshd.mjs";

const [oldestMajor, oldestMinor] = [20, 19];

/** Prints one line to stderr and ends. */
function stop(line) {
  process.stderr.write(`setup: ${line}\n`);
  process.exit(1);
}

async function main([what = "test", ...options]) {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major < oldestMajor || (major === oldestMajor && minor < oldestMinor)) {
    stop(`Node ${process.versions.node} is too old, ${oldestMajor}.${oldestMinor} or later is needed`);
  }
  const alpine = what === "demo" && options.length === 1 && options[0] === "--alpine";
  if (
    !["test", "build", "demo", "bench", "release", "nodes"].includes(what) ||
    (options.length > 0 && !alpine)
  ) {
    stop(`"${[what, ...options].join(" ")}" is none of: build, demo, demo --alpine, bench, release, nodes`);
  }
  if (what === "nodes") return provideNodes(true);
  provideNpmPackages();
  if (what === "build") return;
  if (what === "demo") return providePeers(alpine ? ["demo", "alpine"] : ["demo"], true);
  if (what === "release") return providePeers(["demo", "test", "release"], true);
  if (what === "bench") {
    await providePeers(["demo"], true);
    await providePeers(["bench"], false);
    return provideRecentSshd({ client: true });
  }
  await providePeers(["demo", "alpine", "test"], false);
  provideRecentSshd();
  provideMailHosts();
  provideNodes(false);
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  stop(error instanceof Error ? error.message : String(error));
}
