import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { dataFrame, endFrame, FrameError, FrameReader, messageFrame } from "../../../src/control/frames.ts";

/** What a stream of frames says; data that follow each other are one. */
type Said =
  | { readonly kind: "message"; readonly value: unknown }
  | { readonly kind: "data"; readonly bytes: string }
  | { readonly kind: "end" };

const said: fc.Arbitrary<Said> = fc.oneof(
  fc.record({ kind: fc.constant("message" as const), value: fc.jsonValue() }),
  fc.record({ kind: fc.constant("data" as const), bytes: fc.string({ unit: "binary", maxLength: 40 }) }),
  fc.constant({ kind: "end" as const }),
);

function framed(one: Said): Uint8Array {
  if (one.kind === "message") return messageFrame(one.value);
  return one.kind === "data" ? dataFrame(Buffer.from(one.bytes)) : endFrame();
}

/** One run of data is as good as many, and no data are none. */
function joined(all: readonly Said[]): Said[] {
  const out: Said[] = [];
  for (const one of all) {
    const last = out.at(-1);
    if (one.kind !== "data") out.push(one);
    else if (one.bytes === "") continue;
    else if (last?.kind === "data") out.splice(-1, 1, { kind: "data", bytes: `${last.bytes}${one.bytes}` });
    else out.push(one);
  }
  return out;
}

/** What a reader finds in these chunks. Data are kept as latin1: a cut may go through a character. */
function read(chunks: readonly Uint8Array[]): Said[] {
  const found: Said[] = [];
  const reader = new FrameReader({
    message: (value) => found.push({ kind: "message", value }),
    data: (bytes) => found.push({ kind: "data", bytes: bytes.toString("latin1") }),
    end: () => found.push({ kind: "end" }),
  });
  for (const chunk of chunks) reader.take(Buffer.from(chunk));
  return joined(found);
}

function inLatin1(all: readonly Said[]): Said[] {
  return joined(
    all.map((one) =>
      one.kind === "data" ? { ...one, bytes: Buffer.from(one.bytes).toString("latin1") } : one,
    ),
  );
}

function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const pieces: Buffer[] = [];
  let rest = bytes;
  for (const size of sizes) {
    pieces.push(rest.subarray(0, size));
    rest = rest.subarray(size);
  }
  return [...pieces, rest];
}

describe("frames", () => {
  it("come out as they were put in, wherever the stream is cut", () => {
    const sizes = fc.array(fc.nat({ max: 30 }));
    fc.assert(
      fc.property(fc.array(said), sizes, (all, sizes) => {
        const bytes = Buffer.concat(all.map(framed));
        assert.deepEqual(read(cut(bytes, sizes)), inLatin1(JSON.parse(JSON.stringify(all))));
      }),
    );
  });

  it("come out as they were put in, byte by byte", () => {
    fc.assert(
      fc.property(fc.array(said, { maxLength: 5 }), (all) => {
        const bytes = Buffer.concat(all.map(framed));
        assert.deepEqual(
          read(Array.from(bytes, (byte) => Buffer.of(byte))),
          inLatin1(JSON.parse(JSON.stringify(all))),
        );
      }),
      { numRuns: 50 },
    );
  });

  it("hand on data that are larger than any chunk as they come", () => {
    const pieces: number[] = [];
    const reader = new FrameReader({
      message: () => assert.fail("no message was sent"),
      data: (bytes) => pieces.push(bytes.length),
      end: () => assert.fail("no end was sent"),
    });
    for (const chunk of cut(Buffer.from(dataFrame(Buffer.alloc(300_000))), [65_536, 65_536, 65_536, 65_536]))
      reader.take(chunk);
    assert.deepEqual(pieces, [65_531, 65_536, 65_536, 65_536, 37_861]);
  });

  it("carry a message of up to 1 MiB and no longer one", () => {
    const longest = "x".repeat(1024 * 1024 - 2);
    assert.deepEqual(read([messageFrame(longest)]), [{ kind: "message", value: longest }]);
    assert.throws(() => messageFrame(`${longest}x`), FrameError);
    assert.throws(() => read([Buffer.from([1, 0, 0x10, 0, 1])]), FrameError);
  });

  it("of a long message cost no more when they come byte by byte than their length makes", () => {
    const taken = (size: number): number => {
      const bytes = messageFrame("x".repeat(size));
      const began = performance.now();
      assert.equal(read(Array.from(bytes, (byte) => Buffer.of(byte))).length, 1);
      return performance.now() - began;
    };
    taken(1_000);
    // Quadratic, it was 256 times as much, and minutes.
    const ratio = taken(1_000_000) / taken(62_500);
    assert.equal(ratio < 80, true, `16 times the bytes cost ${ratio.toFixed(1)} times the time`);
  });

  it("that nobody of ours would send are an error, and nothing of them is kept", () => {
    const bad = [
      [0, 0, 0, 0, 0],
      [4, 0, 0, 0, 1],
      [3, 0, 0, 0, 1],
      [1, 0, 0, 0, 0],
      [1, 0xff, 0xff, 0xff, 0xff],
      [1, 0, 0, 0, 1, 0x7b],
    ];
    for (const bytes of bad) assert.throws(() => read([Buffer.from(bytes)]), FrameError, `${bytes}`);
  });

  it("made of arbitrary bytes are data, an end, a message or an error", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.array(fc.nat({ max: 9 })), (bytes, sizes) => {
        try {
          read(cut(Buffer.from(bytes), sizes));
        } catch (error) {
          assert.equal(error instanceof FrameError, true, String(error));
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it("that promise a long message take no memory before it comes", () => {
    const none = { message: () => {}, data: () => {}, end: () => {} };
    const before = process.memoryUsage().arrayBuffers;
    const readers = Array.from({ length: 500 }, () => {
      const reader = new FrameReader(none);
      reader.take(Buffer.from([1, 0, 0x10, 0, 0, 0x7b]));
      return reader;
    });
    const used = process.memoryUsage().arrayBuffers - before;
    assert.equal(readers.length, 500);
    assert.equal(used < 10_000_000, true, `${used} bytes`);
  });
});
