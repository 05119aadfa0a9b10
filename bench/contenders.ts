import { program } from "../test/peers/programs.ts";
import type { Cleanup } from "./cleanup.ts";
import type { Contender } from "./contender.ts";
import { leastPrograms } from "./floors/contenders.ts";
import { recentSsh, sshDirect, sshShared } from "./openssh.ts";
import { dropbear, putty } from "./other_clients.ts";
import { BUILT, waysOf } from "./preauth.ts";
import { type Refuser, refusers } from "./refusal.ts";
import type { Trouble } from "./results.ts";
import type { Servers } from "./servers.ts";

/** Who takes part in what. */
export interface Contenders {
  readonly refusers: readonly Refuser[];
  readonly cold: readonly Contender[];
  /** With the server of OpenSSH 10. */
  readonly recent: readonly Contender[];
  readonly shared: readonly Contender[];
  readonly transfers: readonly Contender[];
  /** Those that do the least, without a delay: for `recent`, and for `shared`. */
  readonly least: { readonly login: Contender; readonly call: Contender } | undefined;
  /** Who is not here, and why. */
  readonly missing: readonly Trouble[];
}

/** Sets up all that are installed, with what they need to be warm. */
export async function gather(servers: Servers, cleanup: Cleanup): Promise<Contenders> {
  const missing: Trouble[] = [];
  const attempt = async <T>(name: string, make: () => T | Promise<T>): Promise<T | undefined> => {
    try {
      return await make();
    } catch (error) {
      missing.push({ program: name, reason: error instanceof Error ? error.message : String(error) });
      return undefined;
    }
  };
  const [ours, node] = BUILT.map((built) => waysOf(built, servers, cleanup));
  const ssh = sshDirect("ssh", program("ssh"), servers, cleanup);
  const master = await attempt("ssh, ControlMaster", () => sshShared(servers, cleanup));
  const dbclient = await attempt("dbclient", () => dropbear(servers, cleanup));
  const plink = await attempt("plink", () => putty(servers, cleanup));
  const recent = recentSsh();
  const hasRecent = servers.all.some(({ name }) => name === "recent");
  if (recent === undefined || !hasRecent) {
    missing.push({ program: "ssh 10", reason: "no OpenSSH 9.9 or later" });
  }
  const least = await attempt("ssh2 alone", () => leastPrograms(servers, cleanup));
  const direct = [ours?.direct, ssh, dbclient, plink?.direct, node?.direct];
  return {
    refusers: refusers(cleanup),
    cold: direct.filter(isHere),
    recent:
      recent === undefined || !hasRecent
        ? []
        : [ours?.direct, sshDirect("ssh 10", recent, servers, cleanup)].filter(isHere),
    shared: [ours?.spare, ours?.shared, master, plink?.shared, node?.spare, node?.shared].filter(isHere),
    transfers: [ours?.direct, ours?.shared, ssh, dbclient, plink?.direct, node?.direct].filter(isHere),
    least,
    missing,
  };
}

function isHere<T>(value: T | undefined): value is T {
  return value !== undefined;
}
