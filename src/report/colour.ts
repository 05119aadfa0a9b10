import type { World } from "../world.ts";

/** A colour that repeats what a line says in words. */
export type Colour = "red" | "green" | "cyan";

/** Parameters of SGR (ECMA-48, section 8.3.117). */
const CODES: Readonly<Record<Colour, number>> = { red: 31, green: 32, cyan: 36 };

/**
 * Whether a descriptor is a terminal that shows colours, and its user wants them: NO_COLOR, when it is there and not
 * empty, says no (https://no-color.org/), and so does TERM=dumb.
 */
export function showsColours({ env, columns }: Pick<World, "env" | "columns">, descriptor: 1 | 2): boolean {
  const { NO_COLOR = "", TERM = "" } = env;
  return columns(descriptor) !== undefined && NO_COLOR === "" && TERM !== "" && TERM !== "dumb";
}

/** Text in a colour, which ends with it. */
export function inColour(text: string, colour: Colour): string {
  return `\x1b[${CODES[colour]}m${text}\x1b[0m`;
}
