import assert from "node:assert/strict";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import fc from "fast-check";
import { controlPlace, hostPart } from "../../../src/control/socket_place.ts";
import { skipUnlessRoot } from "../../peers/rights.ts";
import { makeTemporary, removeTemporary } from "../../peers/temporary.ts";

/** A number that has no /run/user directory, for what must not be found there. */
const NOBODY = 12345;

const own = process.getuid?.() ?? -1;

const machineId = existsSync("/etc/machine-id") ? readFileSync("/etc/machine-id", "latin1").trim() : "";

describe("the control socket's place", () => {
  let root = "";
  beforeEach(() => {
    root = makeTemporary();
  });
  afterEach(() => removeTemporary(root));

  function directory(name: string, mode = 0o700): string {
    const path = join(root, name);
    mkdirSync(path, { recursive: true });
    chmodSync(path, mode);
    return path;
  }

  const fallback = (): string => join(root, ".local/state/preauth/run");

  /** The place of a uid that may be another one's than that of the directories. */
  function placeOf(env: Readonly<Record<string, string>>, uid = own, system = "linux") {
    return controlPlace({ env, home: root, uid, system, hostname });
  }

  it("is below $TMPDIR on macOS, whose machines change their name with the network, and there only", () => {
    const TMPDIR = directory("T");
    const below = { directory: join(TMPDIR, "preauth"), prefix: "master-1" };
    assert.deepEqual(placeOf({ TMPDIR }, NOBODY === own ? 0 : own, "darwin").directory, below.directory);
    for (const system of ["linux", "openbsd"]) {
      assert.notEqual(
        placeOf({ TMPDIR, XDG_RUNTIME_DIR: directory("run") }, own, system).directory,
        below.directory,
      );
    }
    chmodSync(TMPDIR, 0o755);
    assert.notEqual(placeOf({ TMPDIR, XDG_RUNTIME_DIR: "" }, own, "darwin").directory, below.directory);
  });

  it("has a path of 107 bytes at most on Linux, and of 103 elsewhere", () => {
    const named = (length: number) =>
      directory("x".repeat(length - root.length - 1 - "/preauth/master-1".length - 16));
    const fits = named(107);
    assert.match(placeOf({ XDG_RUNTIME_DIR: fits }).directory, /preauth$/);
    assert.throws(() => placeOf({ XDG_RUNTIME_DIR: fits }, own, "freebsd"), /too long for a socket/);
    assert.match(placeOf({ XDG_RUNTIME_DIR: named(103) }, own, "freebsd").directory, /preauth$/);
  });

  it("is in the runtime directory, in a directory of mode 0700, with the protocol's version", () => {
    const runtime = directory("run");
    assert.deepEqual(placeOf({ XDG_RUNTIME_DIR: runtime }), {
      directory: join(runtime, "preauth"),
      prefix: "master-1",
    });
    assert.equal(statSync(join(runtime, "preauth")).mode & 0o777, 0o700);
  });

  const noRunUser = existsSync(`/run/user/${own}`)
    ? "this machine has a runtime directory of its own"
    : false;

  it("is in the state directory, with the machine's name, where the runtime directory will not do", {
    skip: noRunUser,
  }, () => {
    const real = directory("real");
    symlinkSync(real, join(root, "link"));
    writeFileSync(join(root, "file"), "");
    const wrong = [
      join(root, "none"),
      join(root, "link"),
      join(root, "file"),
      "run",
      "",
      directory("open", 0o750),
      directory("wide", 0o701),
    ];
    for (const XDG_RUNTIME_DIR of wrong) {
      const place = placeOf({ XDG_RUNTIME_DIR });
      assert.deepEqual(
        place,
        { directory: fallback(), prefix: `${hostPart(hostname().toLowerCase(), machineId)}-master-1` },
        XDG_RUNTIME_DIR,
      );
    }
    assert.deepEqual(placeOf({}).directory, fallback());
    assert.equal(statSync(fallback()).mode & 0o777, 0o700);
  });

  it("is never in a directory that others can enter, or that is a link or a file", () => {
    const runtime = directory("run");
    const env = { XDG_RUNTIME_DIR: runtime };
    directory("run/preauth", 0o755);
    assert.throws(() => placeOf(env), /must be a directory of uid \d+ with mode 0700$/);
    removeTemporary(join(runtime, "preauth"));
    symlinkSync(directory("elsewhere"), join(runtime, "preauth"));
    assert.throws(() => placeOf(env), /must be a directory of uid/);
    removeTemporary(join(runtime, "preauth"));
    writeFileSync(join(runtime, "preauth"), "");
    assert.throws(() => placeOf(env), /EEXIST/);
  });

  it("is never in a directory of another user", { skip: skipUnlessRoot }, () => {
    const runtime = directory("run");
    chownSync(runtime, NOBODY, NOBODY);
    assert.notEqual(placeOf({ XDG_RUNTIME_DIR: runtime }).directory, join(runtime, "preauth"));
    chownSync(runtime, own, own);
    chownSync(directory("run/preauth"), NOBODY, NOBODY);
    assert.throws(() => placeOf({ XDG_RUNTIME_DIR: runtime }), /must be a directory of uid/);
  });

  it("is refused where a socket's path would have more than 107 bytes", () => {
    // DIRECTORY/preauth/master-1 and 16 bytes for the generation.
    const left = 107 - Buffer.byteLength(join(root, "/preauth/master-1")) - 16 - 1;
    const fits = directory("x".repeat(left));
    assert.equal(placeOf({ XDG_RUNTIME_DIR: fits }).prefix, "master-1");
    const long = directory("x".repeat(left + 1));
    assert.throws(() => placeOf({ XDG_RUNTIME_DIR: long }), /: the path is too long for a socket$/);
    const wide = directory(`${"x".repeat(left - 1)}\u00e9`);
    assert.throws(() => placeOf({ XDG_RUNTIME_DIR: wide }), /: the path is too long for a socket$/);
  });
});

describe("a machine's name in the socket's", () => {
  it("is as it is where it is short", () => {
    for (const host of ["work", "mail.example.org", "a_b-c", "x".repeat(24)])
      assert.equal(hostPart(host, ""), host);
  });

  it("has 24 bytes at most, with a number 33, and nothing that a file's name cannot have", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 64 }), fc.constantFrom("", "0123"), (host, id) => {
        const part = hostPart(host, id);
        assert.match(part, /^[\w.-]{0,24}(?:-[\da-f]{8})?$/);
        assert.equal(hostPart(host, id), part);
      }),
    );
  });

  it("is not another machine's", () => {
    const hosts = ["ip-10-0-0-1.eu-central-1.compute.internal", "ip-10-0-0-2.eu-central-1.compute.internal"];
    hosts.push("a/b", "a_b", "a b", "x".repeat(25), "x".repeat(26));
    const parts = ["", "0123", "0124"].flatMap((id) => hosts.map((host) => hostPart(host, id)));
    assert.equal(new Set(parts).size, 3 * hosts.length);
    for (const host of ["work", "x".repeat(24)])
      assert.match(hostPart(host, "0123"), new RegExp(`^${host}-[\\da-f]{8}$`));
  });
});
