import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { World } from "../world.ts";
import { expandVariables, type Pinerc, parsePinerc, pinercOf, type Settings } from "./pinerc.ts";

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
  /** Whether the person's own file is there. */
  readonly hasOwn: boolean;
}

/**
 * Reads what Alpine reads, in its order: what is fixed, the exceptions beside the person's file, that file, and the
 * system's (init_pinerc and init_vars in pith/conf.c). $PINERC is the FILE of `alpine -p`. A file that cannot be read is
 * as good as none, as it is for Alpine. Undefined where there is none at all.
 */
export function readPinerc({ env, home }: Pick<World, "env" | "home">): PinercFiles | undefined {
  const path = env.PINERC || join(home, ".pinerc");
  const name = (file: string): string => (file.startsWith(`${home}/`) ? `~${file.slice(home.length)}` : file);
  const settings = (file: string): Settings | undefined => {
    const text = textOf(file);
    return text === undefined ? undefined : parsePinerc(text, name(file));
  };
  const first = (files: readonly string[]): Settings | undefined =>
    files.map(settings).find((one) => one !== undefined);
  const own = settings(path);
  const exceptions = settings(join(dirname(path), ".pinercex"));
  const files = [first(FIXED), exceptions, own, first(SYSTEM)].filter((one) => one !== undefined);
  if (files.length === 0) return undefined;
  return {
    pinerc: pinercOf(files, (value) => expandVariables(value, env, home)),
    own: name(path),
    hasOwn: own !== undefined,
  };
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}
