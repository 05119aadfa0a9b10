import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { logRemarks } from "../../../src/report/log.ts";
import { makePrivateDirectory } from "../../../src/state/directory.ts";
import { oddRecords, readRecord, writeRecord } from "../../../src/state/record.ts";
import { makeTemporary, removeTemporary } from "../../peers/temporary.ts";

let folder = "";
before(() => {
  folder = makeTemporary();
});
after(() => removeTemporary(folder));

let count = 0;
const place = (): string => join(folder, `s${++count}`, "refused", "record");
const SHAPE = { a: "number" } as const;

test("a record is written into a new file, whatever stands at the name of its draft", () => {
  const file = place();
  const victim = join(folder, "victim");
  writeFileSync(victim, "as it was");
  mkdirSync(join(file, ".."), { recursive: true });
  symlinkSync(victim, `${file}.draft-7`);
  writeRecord(file, { a: 1 }, 7);
  assert.equal(readFileSync(victim, "utf8"), "as it was");
  assert.deepEqual(readRecord(file, SHAPE), { a: 1 });
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.deepEqual(readdirSync(join(file, "..")), ["record"]);
});

test("a record that is a link, a FIFO or open to others is not believed, told, and replaced by the next one", () => {
  const spoil: readonly (readonly [why: string, make: (file: string) => void])[] = [
    [
      "is a symbolic link",
      (file) => {
        writeFileSync(`${file}.x`, '{"a":2}', { mode: 0o600 });
        symlinkSync(`${file}.x`, file);
      },
    ],
    ["is not a regular file", (file) => void execFileSync("mkfifo", [file])],
    [
      "is open to others (mode 0644)",
      (file) => {
        writeFileSync(file, '{"a":2}');
        chmodSync(file, 0o644);
      },
    ],
  ];
  for (const [why, make] of spoil) {
    const file = place();
    mkdirSync(join(file, ".."), { recursive: true });
    make(file);
    assert.equal(readRecord(file, SHAPE), undefined, why);
    assert.deepEqual(oddRecords(join(file, "../..")), [`${file} ${why}, and is not believed`]);
    writeRecord(file, { a: 3 }, 7);
    assert.deepEqual(readRecord(file, SHAPE), { a: 3 });
    assert.deepEqual(oddRecords(join(file, "../..")), []);
  }
});

test("a directory that others could enter is closed to them", () => {
  const directory = join(folder, "open");
  mkdirSync(directory);
  chmodSync(directory, 0o777);
  makePrivateDirectory(directory);
  assert.equal(statSync(directory).mode & 0o777, 0o700);
});

test("a directory to which somebody else could have led us keeps its mode", () => {
  const [open, own] = [join(folder, "others"), join(folder, "public_html")];
  for (const path of [open, own]) mkdirSync(path);
  chmodSync(own, 0o755);
  chmodSync(open, 0o777);
  symlinkSync(own, join(open, "preauth"));
  writeRecord(join(open, "preauth/record"), { at: 1 }, 1);
  assert.deepEqual([statSync(own).mode & 0o777, readdirSync(own)], [0o755, []]);
  const told = logRemarks(join(open, "preauth"), process.getuid?.() ?? 0).join();
  assert.match(told, /^nothing is logged: .* is below .*others, which is writable by group or others/);
});
