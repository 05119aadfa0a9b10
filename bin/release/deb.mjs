import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { epoch, maintainer, manifest } from "./manifest.mjs";
import { root, run, runBeside } from "./run.mjs";
import { put, putSystem, settle, XZ_LEVEL } from "./stage.mjs";

const ARCHITECTURES = { "linux-x64": "amd64", "linux-arm64": "arm64" };

/** What lintian(1) is told to pass over, each with the reason. */
const OVERRIDES = `# The runtime of the program is linked into it: it comes compiled, from one package of a fixed checksum.
preauth: embedded-library *
# A stripped executable is the bare runtime: the program stands in a section of its own.
preauth: unstripped-binary-or-object *
# As its maker links it.
preauth: hardening-no-pie *
preauth: hardening-no-relro *
# The changelog is the project's own, in Markdown: there is no source package that Debian would keep one for.
preauth: syntax-error-in-debian-changelog *
`;

/** Makes preauth_VERSION_ARCH.deb in `out`, packed at this level of xz(1); nothing for a system that has no such packages. */
export async function makeDeb({ name }, executable, work, out, level = XZ_LEVEL) {
  const architecture = ARCHITECTURES[name];
  if (architecture === undefined) return;
  const { version, description, homepage } = manifest;
  const tree = join(work, `deb-${architecture}`);
  putSystem(tree, executable);
  put(tree, "usr/share/doc/preauth/copyright", { from: join(root, "LICENSE") });
  put(
    tree,
    "usr/share/doc/preauth/changelog.gz",
    gzipSync(readFileSync(join(root, "CHANGELOG.md")), { level: 9 }),
  );
  put(tree, "usr/share/lintian/overrides/preauth", OVERRIDES);
  const size = run("du", ["-ks", "--apparent-size", tree]).split("\t")[0];
  const control = [
    "Package: preauth",
    `Version: ${version}`,
    `Architecture: ${architecture}`,
    `Maintainer: ${maintainer()}`,
    `Installed-Size: ${size}`,
    "Depends: libc6 (>= 2.17)",
    "Recommends: openssh-client",
    "Section: mail",
    "Priority: optional",
    ...(homepage === undefined ? [] : [`Homepage: ${homepage}`]),
    `Description: ${description}`,
    " Alpine, fetchmail, mutt, mbsync and other mail programs run preauth to reach a",
    " mailbox through SSH. It looks the server up in a table of hosts, shares one",
    " connection among all calls, and runs the imapd of the remote host.",
    "",
  ];
  put(tree, "DEBIAN/control", control.join("\n"));
  const files = run("find", [tree, "-type", "f", "-not", "-path", "*/DEBIAN/*", "-printf", "%P\n"])
    .trim()
    .split("\n");
  put(tree, "DEBIAN/md5sums", `${run("md5sum", files.sort(), { cwd: tree })}`);
  settle(tree);
  const file = join(out, `preauth_${version}_${architecture}.deb`);
  await runBeside("dpkg-deb", ["--root-owner-group", "-Zxz", `-z${level}`, "--build", tree, file], {
    env: { SOURCE_DATE_EPOCH: epoch() },
  });
}
