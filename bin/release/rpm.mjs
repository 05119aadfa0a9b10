import { copyFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { epoch, manifest } from "./manifest.mjs";
import { runBeside } from "./run.mjs";
import { put, putSystem, settle, XZ_LEVEL } from "./stage.mjs";

const ARCHITECTURES = { "linux-x64": "x86_64", "linux-arm64": "aarch64" };

/** Makes preauth-VERSION.ARCH.rpm in `out`; nothing for a system that has no such packages. */
export async function makeRpm({ name }, executable, work, out) {
  const architecture = ARCHITECTURES[name];
  if (architecture === undefined) return;
  const { version, description, license } = manifest;
  const tree = join(work, `rpm-${architecture}`);
  putSystem(tree, executable);
  settle(tree);
  const top = join(work, `rpmbuild-${architecture}`);
  mkdirSync(top, { recursive: true });
  const spec = [
    "Name: preauth",
    `Version: ${version}`,
    "Release: 1",
    `Summary: ${description}`,
    `License: ${license}`,
    "AutoReqProv: no",
    "Requires: glibc >= 2.17",
    "Recommends: openssh-clients",
    "%description",
    "Alpine, fetchmail, mutt, mbsync and other mail programs run preauth to reach a mailbox through SSH.",
    "%install",
    "mkdir -p %{buildroot}",
    `cp -a ${tree}/. %{buildroot}/`,
    "%files",
    "%defattr(-,root,root,-)",
    "/usr/bin/preauth",
    "/usr/share/man/man*/preauth*",
    "/usr/share/bash-completion/completions/preauth",
    "/usr/share/zsh/vendor-completions/_preauth",
    "/usr/share/fish/vendor_completions.d/preauth.fish",
    "%doc /usr/share/doc/preauth",
    "",
  ];
  put(top, "preauth.spec", spec.join("\n"));
  const macros = {
    _topdir: top,
    _buildhost: "localhost",
    use_source_date_epoch_as_buildtime: "1",
    clamp_mtime_to_source_date_epoch: "1",
    // What follows %install would strip the executable, and a stripped one is the bare runtime.
    __os_install_post: "%{nil}",
    debug_package: "%{nil}",
    _binary_payload: `w${XZ_LEVEL}.xzdio`,
    _build_id_links: "none",
  };
  const defines = Object.entries(macros).flatMap(([macro, value]) => ["--define", `${macro} ${value}`]);
  await runBeside(
    "rpmbuild",
    ["-bb", "--quiet", "--target", `${architecture}-linux`, ...defines, join(top, "preauth.spec")],
    {
      env: { SOURCE_DATE_EPOCH: epoch() },
    },
  );
  const file = join(out, `preauth-${version}.${architecture}.rpm`);
  copyFileSync(join(top, "RPMS", architecture, `preauth-${version}-1.${architecture}.rpm`), file);
}
