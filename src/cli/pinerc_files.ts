import { lstatSync } from "node:fs";
import { dirname, isAbsolute, join } from "node:path";
import { quoted } from "../shell_word.ts";
import { accountInFile, homeIn, passwordFile } from "../target/passwd.ts";
import type { World } from "../world.ts";
import {
  expandVariables,
  type Pinerc,
  type PinercFile,
  type PinercRole,
  parsePinerc,
  pinercOf,
} from "./pinerc.ts";
import { readRegular } from "./regular.ts";

/** Where an Alpine may keep what holds for everybody: Debian's places, and those of its own configure. */
const SYSTEM = [
  "/etc/pine.conf",
  "/usr/local/lib/pine.conf",
  "/usr/local/etc/pine.conf",
  "/usr/lib/pine.conf",
];

/** And what nobody can change. */
const FIXED = [
  "/etc/pinerc.fixed",
  "/etc/pine.conf.fixed",
  "/usr/local/lib/pine.conf.fixed",
  "/usr/local/etc/pine.conf.fixed",
  "/usr/lib/pine.conf.fixed",
];

/** Alpine's configuration, and the person's own file of it as a person would name it. */
export interface PinercFiles {
  readonly pinerc: Pinerc;
  /** "~/.pinerc", or what $PINERC names. */
  readonly own: string;
  /** What of the person's cannot be looked at, and why. */
  readonly unread: readonly { readonly file: string; readonly why: string }[];
  /** Whether their own file is among it. */
  readonly isOwnUnread: boolean;
}

/**
 * Reads what Alpine reads, in its order: what is fixed, the exceptions beside the person's file, that file, and the
 * system's (init_pinerc and init_vars in pith/conf.c). $PINERC is the FILE of `alpine -p`, $PINERCEX that of -x. A file that
 * cannot be read is as good as none, as it is for Alpine. Undefined where there is none at all.
 */
export function readPinerc({ env, home, uid }: Pick<World, "env" | "home" | "uid">): PinercFiles | undefined {
  const path = pinercPath({ env, home });
  const name = (file: string): string => (file.startsWith(`${home}/`) ? `~${file.slice(home.length)}` : file);
  const parsed = (file: string, role: PinercRole): PinercFile | undefined => {
    const text = textOf(file);
    return text === undefined ? undefined : parsePinerc(text, name(file), role);
  };
  const first = (files: readonly string[], role: PinercRole): PinercFile | undefined =>
    files.map((file) => parsed(file, role)).find((one) => one !== undefined);
  const own = parsed(path, "own");
  const beside = exceptionsPath(env.PINERCEX || ".pinercex", path);
  const exceptions = parsed(beside, "own");
  const { fixed, system } = systemPlaces(env);
  const files = [first(fixed, "fixed"), exceptions, own, first(system, "system")].filter(
    (one) => one !== undefined,
  );
  const unread = [path, beside].flatMap((file) => {
    const why = whyUnread(file);
    return why === undefined ? [] : [{ file: name(file), why }];
  });
  if (files.length === 0 && unread.length === 0) return undefined;
  const homeOf = (user: string): string | undefined =>
    user === "" ? (accountInFile(uid)?.home ?? home) : homeIn(passwordFile(), user);
  return {
    pinerc: pinercOf(files, (value) => expandVariables(value, env, homeOf)),
    own: name(path),
    unread,
    isOwnUnread: unread.some(({ file }) => file === name(path)),
  };
}

/** The person's own file: $PINERC, which may name a mailbox, as in `{work}pinerc`. */
export function pinercPath({ env, home }: Pick<World, "env" | "home">): string {
  return env.PINERC || join(home, ".pinerc");
}

/** Whether a name of a file is that of a mailbox on a server, as `alpine -p` and -x take one too. */
export function isRemote(path: string): boolean {
  return path.startsWith("{");
}

/** Alpine takes a relative name as one beside the person's file. */
function exceptionsPath(name: string, own: string): string {
  return isRemote(name) || isAbsolute(name) ? name : join(isRemote(own) ? "." : dirname(own), name);
}

/** Why a file that is there is empty to Alpine, or may not be looked at; undefined for none, and for one that is read. */
function whyUnread(file: string): string | undefined {
  if (isRemote(file)) return "is in a mailbox, where preauth does not look";
  try {
    readRegular(file);
    return undefined;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOTDIR") return undefined;
    if (code !== "ENOENT") {
      const what = `cannot be read (${code}), and Alpine does without it`;
      return code === "EACCES" ? `${what}: chmod u+r ${quoted(file)}` : `${what}: ls -ld ${quoted(file)}`;
    }
    const isLink = lstatSync(file, { throwIfNoEntry: false })?.isSymbolicLink() === true;
    return isLink ? `is a link to a file that is not there: ls -l ${quoted(file)}` : undefined;
  }
}

/**
 * The places of the Alpine that is installed, whose program has them in it, each between two NULs; all that there are where
 * there is none, or another one.
 */
export function systemPlaces({ PATH = "" }: World["env"]): {
  readonly system: readonly string[];
  readonly fixed: readonly string[];
} {
  for (const folder of PATH.split(":").filter((one) => one.startsWith("/"))) {
    const program = bytesOf(join(folder, "alpine"));
    if (program === undefined) continue;
    const has = (file: string): boolean => program.includes(`\0${file}\0`, 0, "latin1");
    const [system, fixed] = [SYSTEM.filter(has), FIXED.filter(has)];
    return system.length === 0 ? { system: SYSTEM, fixed: FIXED } : { system, fixed };
  }
  return { system: SYSTEM, fixed: FIXED };
}

function bytesOf(file: string): Buffer | undefined {
  try {
    return readRegular(file);
  } catch {
    return undefined;
  }
}

function textOf(file: string): string | undefined {
  return bytesOf(file)?.toString("utf8");
}
