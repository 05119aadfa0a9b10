import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { root, run } from "./run.mjs";

/*
 * The C libraries of the systems whose executables are tried here: Debian's packages for the other processor, and musl,
 * unpacked below dist/libraries. Alpine Linux has a libstdc++ for musl, Debian has not: its own one, made for glibc, finds
 * the few names that musl lacks in a library of ten lines.
 */

const folder = join(root, "dist", "libraries");

/** What Debian's libstdc++ and libgcc_s ask of glibc and musl does not have. */
const MISSING = `
typedef unsigned long size_t;
extern long getrandom(void *, size_t, unsigned);
extern unsigned long getauxval(unsigned long);
extern size_t strftime_l(char *, size_t, const char *, const void *, void *);
unsigned arc4random(void) { unsigned x = 0; getrandom(&x, sizeof x, 0); return x; }
size_t __strftime_l(char *to, size_t most, const char *how, const void *when, void *where) {
  return strftime_l(to, most, how, when, where);
}
unsigned long __getauxval(unsigned long type) { return getauxval(type); }
int __cxa_thread_atexit_impl(void (*f)(void *), void *object, void *library) { return 0; }
int _dl_find_object(void *address, void *result) { return -1; }
int __cpu_indicator_init(void) { return 0; }
unsigned __cpu_model[16];
char __libc_single_threaded = 0;
`;

/** A library that libstdc++ needs, and that musl does not take for a part of itself, as it does libm. */
const GCC = "libgcc_s.so.1";
const GCC_ITSELF = "libgcc_r.so.1";

/** Processors, as Debian and the kernel call them. */
const PROCESSORS = {
  x64: { debian: "amd64", kernel: "x86_64", compiler: "gcc" },
  arm64: { debian: "arm64", kernel: "aarch64", compiler: "aarch64-linux-gnu-gcc" },
};

/** Debian's packages for a processor, unpacked; gives the folder that stands for its root. */
export function debianRoot(processor) {
  const { debian } = PROCESSORS[processor];
  const place = join(folder, debian);
  if (existsSync(join(place, "root", "lib"))) return join(place, "root");
  for (const name of ["lists/partial", "cache/archives/partial", "root"])
    mkdirSync(join(place, name), { recursive: true });
  const settings = [
    `Dir::State::Lists=${join(place, "lists")}`,
    `Dir::Cache=${join(place, "cache")}`,
    "Dir::State::status=/dev/null",
    `APT::Architecture=${debian}`,
    `APT::Architectures=${debian}`,
    "APT::Sandbox::User=root",
  ];
  const options = ["-qq", ...settings.flatMap((setting) => ["-o", setting])];
  run("apt-get", [...options, "update"]);
  run("apt-get", [...options, "download", "libc6", "libgcc-s1", "libstdc++6", "musl"], { cwd: place });
  for (const file of readdirSync(place).filter((name) => name.endsWith(".deb"))) {
    run("dpkg", ["-x", file, "root"], { cwd: place });
  }
  return join(place, "root");
}

/** A folder of libraries for a musl executable of this processor. */
export function muslLibraries(processor) {
  const { kernel, compiler } = PROCESSORS[processor];
  const place = join(folder, `musl-${processor}`);
  const loader = `ld-musl-${kernel}.so.1`;
  if (existsSync(join(place, loader))) return place;
  const from = debianRoot(processor);
  mkdirSync(place, { recursive: true });
  const found = (name) => {
    const places = [`usr/lib/${kernel}-linux-gnu`, `lib/${kernel}-linux-gnu`].map((one) =>
      join(from, one, name),
    );
    return places.find((path) => existsSync(path)) ?? name;
  };
  copyFileSync(found("libstdc++.so.6"), join(place, "libstdc++.so.6"));
  // libgcc under another name, of the same length in the file too: its own is the library's that adds what is missing.
  const renamed = readFileSync(found(GCC)).toString("latin1").replaceAll(`${GCC}\0`, `${GCC_ITSELF}\0`);
  writeFileSync(join(place, GCC_ITSELF), renamed, "latin1");
  writeFileSync(join(place, "missing.c"), MISSING);
  run(
    compiler,
    ["-shared", "-fPIC", "-nostdlib", "-o", GCC, "missing.c", "-Wl,--no-as-needed", `./${GCC_ITSELF}`],
    {
      cwd: place,
    },
  );
  copyFileSync(join(from, `lib/${kernel}-linux-musl/libc.so`), join(place, loader));
  // musl has all of these in its libc; libstdc++ names glibc's loader on x64.
  for (const name of [`libc.musl-${kernel}.so.1`, "libc.so.6", "libm.so.6", "ld-linux-x86-64.so.2"])
    symlinkSync(loader, join(place, name));
  return place;
}

/** What stands for the root of an arm64 system with musl. */
export function muslRoot() {
  const libraries = muslLibraries("arm64");
  const place = join(libraries, "root");
  if (existsSync(place)) return place;
  for (const name of ["lib", "etc"]) mkdirSync(join(place, name), { recursive: true });
  symlinkSync("../../ld-musl-aarch64.so.1", join(place, "lib", "ld-musl-aarch64.so.1"));
  writeFileSync(join(place, "etc", "ld-musl-aarch64.path"), `${libraries}\n`);
  return place;
}
