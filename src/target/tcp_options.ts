import type { Settled } from "../table/decision.ts";
import type { Answers } from "./answers.ts";

/** How TCP connections are made. */
export interface Tcp {
  /** BindAddress: the own address, or its name, to connect from. */
  readonly bindAddress: string | undefined;
  /** BindInterface: the network interface to connect from; BindAddress wins. */
  readonly bindInterface: string | undefined;
  /** ConnectionAttempts: how often to try, a second apart. */
  readonly attempts: number;
  /** TCPKeepAlive: whether TCP asks whether the other end still lives. */
  readonly keepAlive: boolean;
  /** ConnectTimeout: milliseconds until keys are exchanged; undefined for no limit but the deadline. */
  readonly timeout: number | undefined;
}

/** What ssh_config says about it. */
export function tcpOf(config: Answers): Settled<Tcp> {
  const timeout = config.number("connecttimeout", 0, 1).value;
  const value = {
    bindAddress: named(config.one("bindaddress", undefined).value),
    bindInterface: named(config.one("bindinterface", undefined).value),
    attempts: config.number("connectionattempts", 1, 1).value,
    keepAlive: config.flag("tcpkeepalive", "yes").value,
    timeout: timeout === 0 ? undefined : timeout * 1000,
  };
  return { value, from: config.one("connecttimeout", undefined).from };
}

function named(value: string | undefined): string | undefined {
  return value?.toLowerCase() === "none" ? undefined : value;
}
