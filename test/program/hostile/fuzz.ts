import fc from "fast-check";

/** Fixed, so that a run can be repeated; fast-check prints it with what has failed. PREAUTH_FUZZ_SEED takes another. */
const seed = Number(process.env.PREAUTH_FUZZ_SEED ?? 20_260_816);

/** How many times as many cases as usual: PREAUTH_FUZZ_RUNS=100 for a night. */
const times = Number(process.env.PREAUTH_FUZZ_RUNS ?? 1);

/** Parameters of a property: `numRuns` cases, the same ones every time. */
export function cases(numRuns: number): { readonly seed: number; readonly numRuns: number } {
  return { seed, numRuns: numRuns * times };
}

/** One thing done to a stretch of bytes. */
type Mutation = (bytes: Buffer) => Buffer;

/** A place in bytes of any length: a fraction of it. */
const place = fc.double({ min: 0, max: 1, noNaN: true });

function at(bytes: Buffer, where: number): number {
  return Math.min(bytes.length, Math.floor(where * bytes.length));
}

const flipped: fc.Arbitrary<Mutation> = fc
  .tuple(place, fc.integer({ min: 1, max: 255 }))
  .map(([where, bits]) => (bytes) => {
    const copy = Buffer.from(bytes);
    const index = at(bytes, where);
    copy[index] = (copy[index] ?? 0) ^ bits;
    return copy;
  });

const cut: fc.Arbitrary<Mutation> = place.map((where) => (bytes) => bytes.subarray(0, at(bytes, where)));

const dropped: fc.Arbitrary<Mutation> = fc.tuple(place, fc.nat(64)).map(([where, length]) => (bytes) => {
  const start = at(bytes, where);
  return Buffer.concat([bytes.subarray(0, start), bytes.subarray(start + length)]);
});

const inserted: fc.Arbitrary<Mutation> = fc
  .tuple(place, fc.uint8Array({ minLength: 1, maxLength: 64 }))
  .map(([where, more]) => (bytes) => {
    const start = at(bytes, where);
    return Buffer.concat([bytes.subarray(0, start), more, bytes.subarray(start)]);
  });

/** The lengths of the wire (RFC 4251 section 5) are 32 bits each: their edges do the most harm. */
const lengthened: fc.Arbitrary<Mutation> = fc
  .tuple(
    place,
    fc.constantFrom(0, 1, 4, 5, 0x7f, 0xff, 0x8000, 35_000, 0x40000, 0x7fffffff, 0x80000000, 0xffffffff),
  )
  .map(([where, length]) => (bytes) => {
    const copy = Buffer.from(bytes);
    const start = at(bytes, where);
    if (start + 4 <= copy.length) copy.writeUInt32BE(length, start);
    return copy;
  });

const repeated: fc.Arbitrary<Mutation> = fc
  .tuple(place, fc.nat(200), fc.integer({ min: 1, max: 300 }))
  .map(([where, length, count]) => (bytes) => {
    const start = at(bytes, where);
    const piece = bytes.subarray(start, start + length);
    return Buffer.concat([
      bytes.subarray(0, start),
      ...Array<Buffer>(count).fill(piece),
      bytes.subarray(start),
    ]);
  });

/** One to four things done to bytes, one after the other. */
export const mutation: fc.Arbitrary<Mutation> = fc
  .array(fc.oneof(flipped, cut, dropped, inserted, lengthened, lengthened, repeated), {
    minLength: 1,
    maxLength: 4,
  })
  .map((mutations) => (bytes) => mutations.reduce((changed, mutate) => mutate(changed), bytes));

/** What must not get to a terminal, nor into the log but for the ends of its lines. */
export const RAW = /[\0-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]/;
