import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { SocketPlace } from "./socket_place.ts";

// Apart from generations.ts, whose servers and connections a caller does without.

/** The newest generation's socket, and its number; undefined when there is none. */
export function newest(place: SocketPlace): { readonly number: number; readonly path: string } | undefined {
  const number = Math.max(0, ...generations(place));
  return number === 0 ? undefined : { number, path: pathOf(place, number) };
}

/** The numbers of all generations, in no order. */
export function generations({ directory, prefix }: SocketPlace): readonly number[] {
  const numbers: number[] = [];
  for (const name of readdirSync(directory)) {
    const number = name.startsWith(`${prefix}.`) ? name.slice(prefix.length + 1) : "";
    if (isGeneration(number)) numbers.push(Number(number));
  }
  return numbers;
}

/** Whether it is a number from 1 on, of at most 15 digits, as this program writes it. */
function isGeneration(text: string): boolean {
  const number = Number(text);
  return number >= 1 && number < 1e15 && String(Math.trunc(number)) === text;
}

/** Where the socket of a generation is. */
export function pathOf({ directory, prefix }: SocketPlace, number: number): string {
  return join(directory, `${prefix}.${number}`);
}
