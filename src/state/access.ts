import { digest } from "./record.ts";

/** Who logs in where: as ssh_config settles it. */
export interface Access {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** The ProxyCommand, which may lead to another server of the same name. */
  readonly proxyCommand: string | undefined;
}

/** A name for it, of a file. */
export function accessName({ host, port, user, proxyCommand = "" }: Access): string {
  return digest([host, String(port), user, proxyCommand]);
}
