import assert from "node:assert/strict";
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { hostname } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { describeForms } from "../../peers/binaries.ts";
import { program } from "../../peers/programs.ts";
import { skipUnlessRoot } from "../../peers/rights.ts";
import { answers, backgroundOf, kill, logout, mastersOf, type Scene, startScene } from "./shared_home.ts";

/** The contract's time to a greeting, in milliseconds: far more than a login takes, and less than Alpine waits. */
const DEADLINE = 10_000;

/** Opens a mailbox and closes it; gives what the log has about the master. */
async function mailAsUsual(
  scene: Scene,
  env: Readonly<Record<string, string>> = {},
  under: readonly string[] = [],
): Promise<string> {
  const call = await scene.start({ env, under });
  await call.readUntil(/^\* PREAUTH [^\r\n]*\r\n/, DEADLINE);
  await answers(call, "a1");
  assert.equal(await logout(call), 0);
  return scene.home.log();
}

/** Where the sockets are when the environment is the home's. */
const directoryOf = ({ home }: Scene): string => join(home.env.XDG_RUNTIME_DIR ?? "", "preauth");

/** Names of the sockets. */
const socketsIn = (directory: string): string[] => readdirSync(directory).sort();

describeForms("the control socket", { concurrency: 4 }, (form) => {
  test("is 0600 in a directory of one's own, 0700, with the protocol's version in its name", async () => {
    await using scene = await startScene(form);
    await scene.open();
    const directory = directoryOf(scene);
    assert.equal(lstatSync(directory).mode & 0o777, 0o700);
    assert.deepEqual(socketsIn(directory), ["master-1.1"]);
    const socket = lstatSync(join(directory, "master-1.1"));
    assert.equal(socket.isSocket(), true);
    assert.equal(socket.mode & 0o777, 0o600);
    assert.equal((await scene.status())?.socket, join(directory, "master-1.1"));
  });

  test("of a master that was killed is replaced by the next one's, silently", async () => {
    await using scene = await startScene(form);
    const lost = await scene.open();
    await kill(await scene.master());
    assert.equal((await lost.finished()).status, 255);
    assert.match(lost.output.toString(), /^\* PREAUTH [^\r\n]*\r\n$/);
    await mailAsUsual(scene);
    assert.deepEqual(socketsIn(directoryOf(scene)), ["master-1.2"]);
    assert.equal(scene.sshd.logins(), 2);
  });

  test("that nobody ever listened at, or that is no socket at all, is got over", async () => {
    await using scene = await startScene(form);
    const directory = directoryOf(scene);
    mkdirSync(directory, { mode: 0o700 });
    writeFileSync(join(directory, "master-1.7"), "not a socket");
    mkdirSync(join(directory, "master-1.3"));
    writeFileSync(join(directory, "master-1.999999999999999999"), "");
    writeFileSync(join(directory, "master-2.1"), "");
    await mailAsUsual(scene);
    await mailAsUsual(scene);
    assert.equal(scene.sshd.logins(), 1, scene.home.log());
  });

  test("where somebody listens and never answers costs a second, and then it goes without", async () => {
    await using scene = await startScene(form);
    const directory = directoryOf(scene);
    mkdirSync(directory, { mode: 0o700 });
    const server = createServer(() => {}).listen(join(directory, "master-1.1"));
    try {
      assert.match(
        await mailAsUsual(scene),
        /master: no answer within a second: the call connects by itself/,
      );
      assert.deepEqual(mastersOf(scene.home), []);
    } finally {
      server.close();
    }
  });

  test("where somebody answers in another language is done without", async () => {
    await using scene = await startScene(form);
    const directory = directoryOf(scene);
    mkdirSync(directory, { mode: 0o700 });
    const server = createServer((socket) => {
      socket.on("error", () => {});
      socket.end("HTTP/1.1 400 Bad Request\r\n\r\n");
    }).listen(join(directory, "master-1.1"));
    try {
      assert.match(await mailAsUsual(scene), /master: .*the call connects by itself/);
      assert.deepEqual(mastersOf(scene.home), []);
    } finally {
      server.close();
    }
  });

  for (const [title, spoil] of [
    ["a directory that others may enter", (directory: string) => chmodSync(directory, 0o777)],
    [
      "a symbolic link in place of the directory",
      (directory: string) => {
        rmSync(directory, { recursive: true });
        symlinkSync("/tmp", directory);
      },
    ],
    [
      "a file in place of the directory",
      (directory: string) => {
        rmSync(directory, { recursive: true });
        writeFileSync(directory, "");
      },
    ],
  ] as const) {
    test(`is not made in ${title}: the log says so, and it goes without`, async () => {
      await using scene = await startScene(form);
      const directory = directoryOf(scene);
      mkdirSync(directory, { mode: 0o700 });
      spoil(directory);
      assert.match(await mailAsUsual(scene), /master: .*preauth.*: the call connects by itself/);
      assert.deepEqual(mastersOf(scene.home), []);
    });
  }

  test("is not made in another user's directory, nor asked there", { skip: skipUnlessRoot }, async () => {
    await using scene = await startScene(form);
    const directory = directoryOf(scene);
    mkdirSync(directory, { mode: 0o700 });
    let asked = 0;
    const server = createServer((socket) => {
      asked++;
      socket.destroy();
    }).listen(join(directory, "master-1.1"));
    try {
      chownSync(join(directory, "master-1.1"), 12345, 12345);
      chownSync(directory, 12345, 12345);
      assert.match(
        await mailAsUsual(scene),
        /master: .*must be a directory of uid 0.*: the call connects by itself/,
      );
      assert.equal(asked, 0);
    } finally {
      server.close();
    }
  });

  test("that cannot be entered, stale and of another user, is replaced", {
    skip: skipUnlessRoot,
  }, async () => {
    await using scene = await startScene(form);
    await scene.open();
    await kill(await scene.master());
    chownSync(join(directoryOf(scene), "master-1.1"), 12345, 12345);
    chmodSync(join(directoryOf(scene), "master-1.1"), 0);
    await mailAsUsual(scene);
    assert.deepEqual(socketsIn(directoryOf(scene)), ["master-1.2"]);
  });

  test("whose path would be too long is not made", async () => {
    await using scene = await startScene(form);
    const long = join(scene.home.path, "x".repeat(90));
    mkdirSync(long, { mode: 0o700 });
    assert.match(
      await mailAsUsual(scene, { XDG_RUNTIME_DIR: long }),
      /master: .*the path is too long for a socket: the call connects by itself/,
    );
    assert.deepEqual(mastersOf(scene.home), []);
    assert.deepEqual(readdirSync(long), []);
  });

  // Root's own /run/user/0 would be taken first.
  const hasRuntime = existsSync(`/run/user/${process.getuid?.()}`) && "this user has a runtime directory";
  test("is below the state directory, with the machine's name, where there is no runtime directory", {
    skip: hasRuntime,
  }, async () => {
    await using scene = await startScene(form);
    const others = join(scene.home.path, "others");
    mkdirSync(others);
    chmodSync(others, 0o755);
    const first = await scene.start({ env: { XDG_RUNTIME_DIR: "" } });
    await answers(first, "a1");
    const [pid] = mastersOf(scene.home);
    for (const runtime of ["relative/run", others, join(scene.home.path, "missing")]) {
      await mailAsUsual(scene, { XDG_RUNTIME_DIR: runtime });
    }
    assert.deepEqual(mastersOf(scene.home), [pid], scene.home.log());
    assert.equal(scene.sshd.logins(), 1);
    const directory = join(scene.home.env.XDG_STATE_HOME ?? "", "preauth", "run");
    assert.equal(lstatSync(directory).mode & 0o777, 0o700);
    const [name = "", ...more] = socketsIn(directory);
    assert.deepEqual(more, []);
    assert.match(name.replace(hostname(), "HOST"), /^HOST(-[\da-f]{8})?-master-1\.1$/);
  });

  test("is not that of a clone of this machine, with the same name and the same home", {
    skip: skipUnlessRoot || hasRuntime,
  }, async () => {
    await using scene = await startScene(form);
    const etc = join(scene.home.path, "etc");
    for (const id of ["0".repeat(32), "1".repeat(32)]) {
      const own = `cp -a /etc '${etc}.${id}' && echo ${id} >'${etc}.${id}/machine-id' && mount --bind '${etc}.${id}' /etc`;
      const apart = [program("unshare"), "--mount", "--propagation", "private", "/bin/sh", "-c"];
      const under = [...apart, `${own} && exec "$@"`, "sh"];
      await mailAsUsual(scene, { XDG_RUNTIME_DIR: "" }, under);
    }
    const names = socketsIn(join(scene.home.env.XDG_STATE_HOME ?? "", "preauth", "run"));
    assert.equal(names.length, 2);
    for (const name of names) assert.match(name.replace(hostname(), "HOST"), /^HOST-[\da-f]{8}-master-1\.1$/);
    assert.equal(mastersOf(scene.home).length, 2);
    // Whatever it was called when it was started, it is found.
    assert.equal((await scene.run("--stop")).status, 0);
    assert.deepEqual(socketsIn(join(scene.home.env.XDG_STATE_HOME ?? "", "preauth", "run")), []);
  });

  test("is the same in /run/user/UID, with XDG_RUNTIME_DIR and, as under cron, without", {
    skip: skipUnlessRoot,
  }, async () => {
    // A uid that nobody has, so that nothing of anybody's is in the way.
    const uid = 54_000 + (process.pid % 1000) * 2 + (form.name === "node" ? 1 : 0);
    const runtime = `/run/user/${uid}`;
    await using scene = await startScene(form, { host: { "commands.imap": GREET_AND_CAT } });
    mkdirSync("/run/user", { recursive: true });
    mkdirSync(runtime, { mode: 0o700 });
    try {
      chownSync(runtime, uid, uid);
      giveAway(scene, uid);
      // Without an ssh program: it asks for the uid's account.
      const PATH = "/nowhere";
      const under = [program("setpriv"), `--reuid=${uid}`, `--regid=${uid}`, "--clear-groups"];
      const cron = await scene.start({ env: { XDG_RUNTIME_DIR: "", PATH }, under });
      await cron.readUntil(/^\* PREAUTH ready\r\n/, DEADLINE);
      assert.deepEqual(socketsIn(join(runtime, "preauth")), ["master-1.1"]);
      const session = await scene.start({ env: { XDG_RUNTIME_DIR: runtime, PATH }, under });
      await session.readUntil(/^\* PREAUTH ready\r\n/, DEADLINE);
      assert.equal(scene.sshd.logins(), 1, scene.home.log());
      assert.equal(mastersOf(scene.home).length, 1);
    } finally {
      for (const pid of backgroundOf(scene.home)) await kill(pid);
      rmSync(runtime, { recursive: true, force: true });
    }
  });
});

const GREET_AND_CAT = "printf '* PREAUTH ready\\r\\n'; exec cat";

/** Lets another uid have the home of a scene, and read its server's key. */
function giveAway({ home, sshd }: Scene, uid: number): void {
  const own = (path: string): void => {
    chownSync(path, uid, uid);
    if (lstatSync(path).isDirectory()) for (const name of readdirSync(path)) own(join(path, name));
  };
  own(home.path);
  const folder = join(sshd.identity, "..");
  chmodSync(folder, 0o711);
  chownSync(sshd.identity, uid, uid);
  chmodSync(sshd.knownHosts, 0o644);
}
