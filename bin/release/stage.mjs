import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { epoch, manifest } from "./manifest.mjs";
import { root, run, runBeside } from "./run.mjs";

/** Of xz(1), for packages: 6, the usual one, saves a tenth of the size and takes more than twice the time. */
export const XZ_LEVEL = 2;

/** The man pages. */
export const MANUAL = manifest.man;

/**
 * The documents that go along with every executable, by their paths from the root of the project: those of the npm package.
 * Packages keep the paths, so that the links in them lead somewhere.
 */
export const DOCUMENTS = [
  "README.md",
  "LICENSE",
  "dist/LICENSES",
  ...manifest.files.filter((path) => !path.startsWith("dist/") && !MANUAL.includes(path)),
];

/** Puts a document of that list below a folder. */
export function putDocument(folder, path) {
  put(folder, path.replace(/^dist\//, ""), { from: join(root, path) });
}

/** What completes the words of preauth in each shell: as built, as the shell calls it, and where packages put it. */
export const COMPLETIONS = [
  {
    from: "dist/completions/preauth",
    file: "preauth.bash",
    place: "usr/share/bash-completion/completions/preauth",
  },
  { from: "dist/completions/_preauth", file: "_preauth", place: "usr/share/zsh/vendor-completions/_preauth" },
  {
    from: "dist/completions/preauth.fish",
    file: "preauth.fish",
    place: "usr/share/fish/vendor_completions.d/preauth.fish",
  },
];

/** Puts a file below a folder, with its mode. */
export function put(folder, path, content, mode = 0o644) {
  const file = join(folder, path);
  mkdirSync(dirname(file), { recursive: true });
  if (typeof content === "object" && "from" in content) copyFileSync(content.from, file);
  else writeFileSync(file, content);
  chmodSync(file, mode);
}

/** The files of the usual places below /usr, for packages of a system. */
export function putSystem(folder, executable, name = "preauth") {
  put(folder, "usr/bin/preauth", { from: executable }, 0o755);
  for (const page of MANUAL) {
    const section = page.slice(-1);
    // No name and no time in it: gzip -n.
    const packed = gzipSync(run("cat", [page]), { level: 9 });
    put(folder, `usr/share/man/man${section}/${page.slice("doc/".length)}.gz`, packed);
  }
  for (const { from, place } of COMPLETIONS) put(folder, place, { from: join(root, from) });
  for (const path of DOCUMENTS.filter((one) => one !== "LICENSE")) {
    putDocument(join(folder, "usr/share/doc", name), path);
  }
}

/** Gives everything below a folder, and itself, the time of the release, and folders the usual mode. */
export function settle(folder) {
  const time = Number(epoch());
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) settle(join(folder, entry.name));
    else utimesSync(join(folder, entry.name), time, time);
  }
  if (statSync(folder).isDirectory()) {
    chmodSync(folder, 0o755);
    utimesSync(folder, time, time);
  }
}

/** An archive of one folder, whose bytes say nothing of who made it, where and when. */
export function archive(parent, folder, outfile) {
  const same = [
    "--sort=name",
    `--mtime=@${epoch()}`,
    "--owner=0",
    "--group=0",
    "--numeric-owner",
    "--format=gnu",
  ];
  return runBeside("tar", [...same, "--use-compress-program=gzip -n -6", "-cf", outfile, folder], {
    cwd: parent,
  });
}
