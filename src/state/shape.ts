/** What a field of a record holds. */
type Kind = "string" | "number" | "boolean" | "strings";

/** The fields of a record, each with what it holds. */
export type Shape = Readonly<Record<string, Kind>>;

/** A record of that shape. */
export type Shaped<S extends Shape> = { readonly [Field in keyof S]: Contents[S[Field]] };

interface Contents {
  readonly string: string;
  readonly number: number;
  readonly boolean: boolean;
  readonly strings: readonly string[];
}

/** Whether a value that was read somewhere has these fields; it may have others. */
export function hasShape<S extends Shape>(value: unknown, shape: S): value is Shaped<S> {
  if (typeof value !== "object" || value === null) return false;
  const fields = new Map<string, unknown>(Object.entries(value));
  return Object.entries(shape).every(([field, kind]) => holds(fields.get(field), kind));
}

function holds(value: unknown, kind: Kind): boolean {
  if (kind === "strings") return Array.isArray(value) && value.every((one) => typeof one === "string");
  return typeof value === kind;
}
