import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { Place } from "./place.ts";

// Apart from generations.ts, whose servers and connections a caller does without.

/** The newest generation's socket, and its number; undefined when there is none. */
export function newest(place: Place): { readonly number: number; readonly path: string } | undefined {
  const numbers = generations(place);
  if (numbers.length === 0) return undefined;
  const number = Math.max(...numbers);
  return { number, path: pathOf(place, number) };
}

/** The numbers of all generations, in no order. */
export function generations({ directory, prefix }: Place): readonly number[] {
  return readdirSync(directory).flatMap((name) => {
    const [, number] =
      /^([1-9]\d{0,14})$/.exec(name.startsWith(`${prefix}.`) ? name.slice(prefix.length + 1) : "") ?? [];
    return number === undefined ? [] : [Number(number)];
  });
}

/** Where the socket of a generation is. */
export function pathOf({ directory, prefix }: Place, number: number): string {
  return join(directory, `${prefix}.${number}`);
}
