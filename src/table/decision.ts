import type {
  Endpoint,
  LoginBy,
  MethodForward,
  OnFailure,
  Persist,
  PlaceForward,
  TomlPath,
} from "./table.ts";

/** Where a value of a decision came from. */
export type Origin =
  | { readonly kind: "table"; readonly path: TomlPath }
  | { readonly kind: "call" }
  | { readonly kind: "ssh_config" }
  | { readonly kind: "default" };

/** A value and where it came from. */
export interface Settled<T> {
  readonly value: T;
  readonly from: Origin;
}

/** What is to run, or to be connected to, for a METHOD. */
export type Command =
  /** The search for an imapd. */
  | { readonly kind: "auto" }
  /** A line for the login shell. */
  | { readonly kind: "line"; readonly line: string }
  /** A port that the server connects to, as with ssh -W: nothing runs there. */
  | { readonly kind: "port"; readonly to: Endpoint; readonly login: LoginBy };

/** A forward whose connections are mail calls, and what the SERVER has for their METHOD, if anything. */
export interface SessionForward extends MethodForward {
  readonly command: Settled<Command> | undefined;
}

/** A forward as a SERVER carries it. */
export type CarriedForward = PlaceForward | SessionForward;

/**
 * What the table and the call say about one SERVER. The keys that may be undefined are those that
 * ssh_config may still fill (src/target/target.ts), and `command`, where the table has none for the METHOD.
 */
export interface Decision {
  /** SERVER as the call had it, for messages. */
  readonly server: string;
  readonly method: string;
  /** Index of the [[host]] that matched, from 0. */
  readonly host: number;
  /** What to ssh to: a name, an address, or an alias of ssh_config. */
  readonly destination: Settled<string>;
  /** Undefined only for a verb that was given no USER. */
  readonly user: Settled<string> | undefined;
  readonly port: Settled<number> | undefined;
  readonly identity: Settled<readonly string[]> | undefined;
  readonly sshConfig: Settled<string> | undefined;
  readonly knownHosts: Settled<readonly string[]> | undefined;
  readonly compression: Settled<boolean> | undefined;
  readonly onFailure: Settled<OnFailure>;
  /** Milliseconds from the start of the program to the greeting. */
  readonly deadline: Settled<number>;
  readonly share: Settled<boolean>;
  readonly persist: Settled<Persist>;
  readonly spare: Settled<0 | 1>;
  readonly command: Settled<Command> | undefined;
  /** The forwards that this SERVER carries, in the order of the table. */
  readonly forwards: readonly CarriedForward[];
}
