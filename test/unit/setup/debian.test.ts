import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { makeTemporary, removeTemporary } from "../../peers/temporary.ts";
import { debianRelease, unpackDebian } from "../../setup/debian.mjs";

const folder = makeTemporary();
after(() => removeTemporary(folder));

/** An apt-get that knows Debian by a mirror, keeps the sources that it is given, and has nothing. */
function plantApt(release: string): void {
  const script = [
    "#!/bin/sh",
    `case "$*" in "update --print-uris") cat <<END`,
    `'http://deb.example.net/other/dists/${release}/main/binary-amd64/Packages.xz' a 0`,
    `'http://security.mirror.example.net/dists/${release}-security/InRelease' b 0`,
    `'http://mirror.example.net/pub/debian/dists/${release}/InRelease' c 0`,
    "END",
    "exit;; esac",
    `for word; do case "$word" in Dir::Etc::sourcelist=*) cat "\${word#*=}" > ${folder}/sources;; esac; done`,
    "exit 100",
    "",
  ];
  writeFileSync(join(folder, "apt-get"), script.join("\n"), { mode: 0o755 });
}

const release = debianRelease();
const skip = release === undefined && "no Debian";

test("packages come from where the machine's own apt has Debian, which may be a mirror", { skip }, () => {
  plantApt(release ?? "");
  const { PATH } = process.env;
  process.env.PATH = `${folder}:${PATH}`;
  try {
    assert.throws(
      () => unpackDebian(join(folder, "root"), { suite: "trixie", groups: [["dash"]] }),
      /apt-get update failed/,
    );
  } finally {
    process.env.PATH = PATH;
  }
  const sources = readFileSync(join(folder, "sources"), "utf8");
  assert.match(sources, /^URIs: http:\/\/mirror\.example\.net\/pub\/debian$/m);
  assert.match(sources, /^Suites: trixie$/m);
});
