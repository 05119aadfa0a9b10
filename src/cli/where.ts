import { basename } from "node:path";
import type { Origin } from "../table/decision.ts";
import { spotsOf } from "../table/positions.ts";

/** Says where a value came from: "hosts.toml:12:1", "ssh_config", "the call", "default". */
export type Sayer = (origin: Origin) => string;

/** A sayer for the values of one table, given its path and text. */
export function originsIn(file: string, text: string): Sayer {
  const spots = spotsOf(text);
  const name = basename(file);
  return (origin) => {
    switch (origin.kind) {
      case "table": {
        const { line, column } = spots(origin.path, "statement");
        return `${name}:${line}:${column}`;
      }
      case "call":
        return "the call";
      case "ssh_config":
        return "ssh_config";
      case "default":
        return "default";
    }
  };
}
