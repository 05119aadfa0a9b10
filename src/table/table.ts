/** The table of hosts as read and checked: shapes only. The file format is described in doc/preauth-hosts.5. */

/** What a client is told when a server of the table cannot be had. */
export type OnFailure = "refuse" | "tell" | "silent";

/** How long a shared connection stays after its last use: milliseconds, or for ever. */
export type Persist = number | "forever";

/** Who may use a forward. */
export type Allow = "same-user" | "any-user";

/**
 * Who logs in at a port for METHOD imap: "nobody", since the server there greets with PREAUTH; the "client" itself; or a
 * client that is "unable" to, though the table says that it does.
 */
export type LoginBy = "nobody" | "client" | "unable";

/** A METHOD that is a port on the server. */
export interface PortCommand {
  readonly to: Endpoint;
  readonly login?: "client";
}

/** The keys that [defaults] and [[host]] share; a key that is not written is absent. Times are milliseconds. */
export interface HostKeys {
  readonly server?: string;
  readonly user?: string;
  readonly port?: number;
  readonly identity?: readonly string[];
  readonly ssh_config?: string;
  readonly known_hosts?: readonly string[];
  readonly compression?: boolean;
  readonly on_failure?: OnFailure;
  readonly deadline?: number;
  readonly share?: boolean;
  readonly persist?: Persist;
  readonly spare?: 0 | 1;
  readonly command?: string;
  /** METHOD to command line, or to a port. */
  readonly commands?: Readonly<Record<string, string | PortCommand>>;
}

/** One [[host]]: its keys and the globs that choose it (at least one, none empty). */
export interface Host extends HostKeys {
  readonly match: readonly string[];
}

/** A host and port as the server sees it, of `to = "mail:25"`. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** What every [[forward]] has. */
interface ForwardKeys {
  readonly name: string;
  /** A TCP port on both loopbacks, or the path of a Unix socket. */
  readonly listen: number | string;
  /** Globs of the SERVERs that carry it; absent: every one in the table. */
  readonly via?: readonly string[];
  readonly unless: { readonly domain?: readonly string[]; readonly reachable?: Endpoint };
  readonly allow: Allow;
}

/** A [[forward]] whose connections go to a place as the server sees it. */
export interface PlaceForward extends ForwardKeys {
  readonly to: Endpoint;
  readonly method?: never;
}

/** A [[forward]] each of whose connections is a mail call of its own. Its `via` is one SERVER. */
export interface MethodForward extends ForwardKeys {
  readonly method: string;
  readonly to?: never;
}

/** One [[forward]]. */
export type Forward = PlaceForward | MethodForward;

export interface Table {
  /** The path it was read from, for messages. */
  readonly file: string;
  readonly defaults: HostKeys;
  readonly hosts: readonly Host[];
  readonly forwards: readonly Forward[];
}

/** Where a value stands in the TOML document: `["host", 2, "commands", "imap"]`. Indices count from 0. */
export type TomlPath = readonly (string | number)[];

/** A place in a file. Line and column count from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}
