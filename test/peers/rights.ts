import { program } from "./programs.ts";

/**
 * Words to be put in front of a program so that the modes of files count for it, as they do not for root: the
 * same user without root's capabilities (capabilities(7), CAP_DAC_OVERRIDE). None for anybody else.
 */
export function withoutPrivileges(): readonly string[] {
  return process.getuid?.() === 0 ? [program("setpriv"), "--bounding-set=-all", "--inh-caps=-all"] : [];
}

/** For the `skip` of a test which gives a file to somebody else. */
export const skipUnlessRoot: string | false =
  process.getuid?.() === 0 ? false : "only root can give a file away";
