// Preloaded into dist/preauth.js: what other systems lack or do otherwise, as far as one machine can show it.
//   OTHER_SYSTEM=darwin    no /proc, no /run/user, no account in /etc/passwd, another name for the machine at every start
//   OTHER_SYSTEM=openbsd   no /proc, no /run/user, and pipes without a device and an inode (sys_pipe.c)
//   OTHER_SYSTEM=netbsd    the same, all pipes made within one tick of the clock; a link that is not followed is EFTYPE
//   OTHER_SYSTEM=freebsd   no /proc, no /run/user; a link that is not followed is EMLINK (open(2))
const fs = require("node:fs");
const os = require("node:os");

const system = process.env.OTHER_SYSTEM;
Object.defineProperty(process, "platform", { value: system });
os.platform = () => system;
os.hostname = () => `${system.toUpperCase()}-${process.pid}`;

/** Throws for what is not there. */
function check(path) {
  if (!/^\/(proc|run\/user)(\/|$)/.test(String(path))) return;
  throw Object.assign(new Error(`ENOENT: no such file or directory, '${path}'`), { code: "ENOENT" });
}

for (const name of [
  "openSync",
  "readFileSync",
  "readdirSync",
  "readlinkSync",
  "statSync",
  "createReadStream",
]) {
  const own = fs[name];
  fs[name] = (path, ...more) => {
    check(path);
    if (system === "darwin" && path === "/etc/passwd")
      return "nobody:*:-2:-2:Nobody:/var/empty:/usr/bin/false\n";
    try {
      return own(path, ...more);
    } catch (error) {
      if (error.code === "ELOOP") error.code = { freebsd: "EMLINK", netbsd: "EFTYPE" }[system] ?? "ELOOP";
      throw error;
    }
  };
}
const { lstatSync, fstatSync } = fs;
fs.lstatSync = (path, options) => {
  if (options?.throwIfNoEntry === false && /^\/(proc|run\/user)\//.test(String(path))) return undefined;
  check(path);
  return lstatSync(path, options);
};
if (system === "openbsd" || system === "netbsd") {
  // The time that a pipe was made at is not this one's: for Linux it is that of the last write, and every pipe has its own.
  fs.fstatSync = (descriptor, options) => {
    const found = fstatSync(descriptor, options);
    if (!found.isFIFO()) return found;
    const { ino } = found;
    return Object.assign(found, { dev: 0, ino: 0, ctimeMs: system === "netbsd" ? 1 : ino });
  };
}
for (const name of ["readFile", "open", "readdir", "readlink", "stat"]) {
  const own = fs.promises[name];
  fs.promises[name] = async (path, ...more) => {
    check(path);
    return own(path, ...more);
  };
}
