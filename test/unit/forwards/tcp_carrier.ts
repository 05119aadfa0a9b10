import { connect } from "node:net";
import type { Carry } from "../../../src/forwards/carry.ts";

/** Stands in for SSH: a plain connection from this machine. Without tests' helpers, for it runs under Bun too. */
export const carryByTcp: Carry = (to) =>
  new Promise((resolve, reject) => {
    const socket = connect({ ...to, allowHalfOpen: true });
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.off("error", reject);
      resolve(socket);
    });
  });
