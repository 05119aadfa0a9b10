import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import { openLog } from "../../../src/report/log.ts";
import { makeTemporary, removeTemporary } from "../../peers/temporary.ts";

async function withDirectory(body: (directory: string) => void | Promise<void>): Promise<void> {
  const directory = makeTemporary();
  try {
    await body(directory);
  } finally {
    removeTemporary(directory);
  }
}

/** Whose log it is. */
function own(pid: number): { readonly pid: number; readonly uid: number } {
  return { pid, uid: process.getuid?.() ?? -1 };
}

describe("the log", () => {
  test("is lines with UTC time and pid, in a file only its owner can read", () =>
    withDirectory((directory) => {
      const note = openLog(path.join(directory, "a/b"), own(42));
      note("work: connection refused");
      const file = path.join(directory, "a/b/log");
      assert.match(
        fs.readFileSync(file, "utf8"),
        /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z \[42\] work: connection refused\n$/,
      );
      assert.equal(fs.statSync(file).mode & 0o777, 0o600);
      assert.equal(fs.statSync(path.dirname(file)).mode & 0o777, 0o700);
    }));

  test("shows control characters instead of writing them", () =>
    withDirectory((directory) => {
      openLog(directory, own(1))("a\nb\x1b[31m\x9b\x7f\0\u202e\u2028");
      assert.match(
        fs.readFileSync(path.join(directory, "log"), "utf8"),
        / a\\nb\\e\[31m\\x9b\\x7f\\x00\\u202e\\u2028\n$/,
      );
    }));

  test("cuts a line that is too long", () =>
    withDirectory((directory) => {
      openLog(directory, own(1))("x".repeat(100_000));
      assert.ok(fs.statSync(path.join(directory, "log")).size < 5000);
    }));

  test("that cannot be written stops nobody", () =>
    withDirectory((directory) => {
      fs.writeFileSync(path.join(directory, "file"), "");
      openLog(path.join(directory, "file"), own(1))("lost");
      fs.mkdirSync(path.join(directory, "state/log"), { recursive: true });
      openLog(path.join(directory, "state"), own(1))("lost");
      fs.symlinkSync("/dev/full", path.join(directory, "log"));
      openLog(directory, own(1))("lost");
      assert.equal(fs.readlinkSync(path.join(directory, "log")), "/dev/full");
    }));

  for (const [title, block] of [
    ["log.1 is a directory", (directory: string) => fs.mkdirSync(path.join(directory, "log.1"))],
    [
      "an old log.rotating is a directory",
      (directory: string) => {
        const mark = path.join(directory, "log.rotating");
        fs.mkdirSync(mark);
        fs.utimesSync(mark, 0, 0);
      },
    ],
  ] as const) {
    test(`begins anew where it cannot be moved aside: ${title}`, () =>
      withDirectory((directory) => {
        const file = path.join(directory, "log");
        block(directory);
        fs.writeFileSync(file, "x".repeat(4 * 1024 * 1024));
        const note = openLog(directory, own(1));
        note("the last straw");
        assert.equal(fs.statSync(file).size, 0);
        note("a new start");
        assert.match(fs.readFileSync(file, "utf8"), /^\S+Z \[1\] a new start\n$/);
      }));
  }

  test("of many writers keeps every line whole while it is moved aside", () =>
    withDirectory(async (directory) => {
      const script = `
        import { openLog } from ${JSON.stringify(new URL("../../../src/report/log.ts", import.meta.url).href)};
        const note = openLog(process.argv[1], { pid: process.pid, uid: process.getuid() });
        for (let i = 0; i < 1500; i++) note(i + " " + "y".repeat(1000));
      `;
      const writers = Array.from({ length: 4 }, () =>
        spawn(process.execPath, ["--import", "tsx", "--input-type=module", "-e", script, directory], {
          stdio: "inherit",
        }),
      );
      await Promise.all(writers.map((writer) => once(writer, "exit")));
      const files = fs.readdirSync(directory).sort();
      assert.deepEqual(files, ["log", "log.1"]);
      const lines = files.flatMap((file) =>
        fs.readFileSync(path.join(directory, file), "utf8").split("\n").slice(0, -1),
      );
      for (const line of lines) assert.match(line, /^\S+Z \[\d+\] \d+ y{1000}$/);
      // 6,000 lines of 1 kB are one rotation and no more: nothing was thrown away.
      assert.equal(lines.length, 6000);
      for (const file of files) assert.ok(fs.statSync(path.join(directory, file)).size < 4.5 * 1024 * 1024);
    }));
});
