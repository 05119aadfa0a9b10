import assert from "node:assert/strict";
import { chmodSync, lchownSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { dangerOn } from "../../src/safe_way.ts";
import { skipUnlessRoot } from "../peers/rights.ts";
import { makeTemporary, removeTemporary } from "../peers/temporary.ts";

const OWN = process.getuid?.() ?? -1;
const STRANGER = 12345;

let folder = "";
before(() => {
  folder = makeTemporary();
});
after(() => removeTemporary(folder));

let count = 0;

/** A directory `d` with another one in it, and a file in that. */
function makeWay(mode: number): { readonly d: string; readonly file: string } {
  const d = join(folder, `d${++count}`);
  mkdirSync(join(d, "inside"), { recursive: true });
  const file = join(d, "inside", "file");
  writeFileSync(file, "");
  chmodSync(d, mode);
  return { d, file };
}

test("a way through directories of the user's or root's that only they can write is safe", () => {
  for (const mode of [0o700, 0o755, 0o1777, 0o1770, 0o2755]) {
    assert.equal(dangerOn(makeWay(mode).file, OWN), undefined, mode.toString(8));
  }
});

test("a directory on the way that group or others can write is named, with what mends it", () => {
  for (const mode of [0o777, 0o775, 0o757, 0o2775]) {
    const { d, file } = makeWay(mode);
    const what = `is below ${d}, which is writable by group or others (mode ${mode.toString(8).padStart(4, "0")})`;
    assert.deepEqual(dangerOn(file, OWN), { what, hint: `chmod go-w ${d}` });
    assert.deepEqual(dangerOn(d, OWN), { what, hint: `chmod go-w ${d}` });
    assert.notEqual(dangerOn(join(d, "gone", "file"), OWN), undefined);
  }
});

test("a file at the end is not judged, whatever its mode", () => {
  const { file } = makeWay(0o755);
  chmodSync(file, 0o666);
  assert.equal(dangerOn(file, OWN), undefined);
});

test("the way of a link is looked at, and the directory that the link stands in", () => {
  const open = makeWay(0o777);
  const safe = makeWay(0o755);
  const toOpen = join(safe.d, "link");
  symlinkSync(open.file, toOpen);
  assert.match(dangerOn(toOpen, OWN)?.what ?? "", /^is below \S+\/d\d+, which is writable/);
  const inOpen = join(open.d, "link");
  symlinkSync(safe.file, inOpen);
  assert.equal(dangerOn(inOpen, OWN)?.hint, `chmod go-w ${open.d}`);
  const relative = join(safe.d, "relative");
  symlinkSync("inside/../inside/./file", relative);
  assert.equal(dangerOn(relative, OWN), undefined);
  const around = join(safe.d, "around");
  symlinkSync("around", around);
  assert.equal(dangerOn(around, OWN), undefined, "whoever opens it is told");
});

test("what belongs to another user on the way is named, a link too, also in a sticky directory", {
  skip: skipUnlessRoot,
}, () => {
  const { d, file } = makeWay(0o755);
  lchownSync(d, STRANGER, STRANGER);
  const why = `which belongs to uid ${STRANGER}, not to you (uid ${OWN}) or root`;
  assert.deepEqual(dangerOn(file, OWN), { what: `is reached by ${d}, ${why}`, hint: undefined });
  assert.equal(dangerOn(file, STRANGER), undefined);
  const sticky = makeWay(0o1777);
  const link = join(sticky.d, "link");
  symlinkSync(sticky.file, link);
  lchownSync(link, STRANGER, STRANGER);
  assert.deepEqual(dangerOn(link, OWN), { what: `is reached by ${link}, ${why}`, hint: undefined });
});
