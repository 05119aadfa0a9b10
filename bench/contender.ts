import type { ServerName, Service } from "./servers.ts";

/** How a program is started. */
export interface Start {
  readonly argv: readonly string[];
  /** The whole environment. */
  readonly env: Readonly<Record<string, string>>;
}

/** A program that is compared, used in one way. */
export interface Contender {
  /** As the report calls it. */
  readonly name: string;
  /** The call that reaches a service of a server at a round-trip time. */
  start(server: ServerName, roundTrip: number, service: Service): Start;
  /** Pid of the process that holds the connection for its calls, where there is one. */
  master?(): number | undefined;
}
