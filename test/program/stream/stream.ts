import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { Readable, Writable } from "node:stream";
import { poll, within } from "../../peers/waiting.ts";

/** A mebibyte. */
export const MIB = 1024 * 1024;

/** What makes a remote command look like an IMAP server that is ready. */
export const GREETING = "* PREAUTH ready\r\n";

/** A line for sh that says the greeting. */
export const GREET = "printf '* PREAUTH ready\\r\\n'";

/** Sizes of the blocks that are written, in turn. */
const BLOCKS = [10, 256 * 1024, 100, 4096, 1000, 64 * 1024, 32 * 1024 + 1];

/** What went through a stream. */
export interface Amount {
  readonly bytes: number;
  readonly sha256: string;
}

/** Random bytes on their way into a stream. */
export class Pump {
  /** Bytes so far; one block of them may still wait for the stream. */
  bytes = 0;
  readonly #hash = createHash("sha256");

  /** Writes so many bytes in blocks of all sizes, only as fast as they are taken. Gives what it wrote. */
  async run(to: Writable, bytes: number): Promise<Amount> {
    const stock = randomBytes(MIB);
    for (let turn = 0; this.bytes < bytes; turn++) {
      const size = Math.min(BLOCKS[turn % BLOCKS.length] ?? 0, bytes - this.bytes);
      // Another piece each time: a block that was lost or came twice must show.
      const start = (turn * 4099) % (MIB - size);
      const block = stock.subarray(start, start + size);
      this.#hash.update(block);
      this.bytes += size;
      if (!to.write(block)) await once(to, "drain");
    }
    return { bytes: this.bytes, sha256: this.#hash.digest("hex") };
  }
}

/** Reads a stream and keeps no more of it than its beginning, and the length and the hash of the rest. */
export class Drain {
  /** The first bytes. */
  head = Buffer.alloc(0);
  /** Bytes after the head so far. */
  bytes = 0;
  readonly #stream: Readable;
  readonly #hash = createHash("sha256");
  readonly #headBytes: number;
  readonly #ended: Promise<unknown>;
  readonly #watchers = new Set<() => void>();

  constructor(stream: Readable, headBytes: number) {
    this.#stream = stream;
    this.#headBytes = headBytes;
    stream.on("data", (chunk: Buffer) => this.#take(chunk));
    this.#ended = once(stream, "end");
    this.#ended.catch(() => {});
  }

  /** Waits for the head and so many bytes after it. */
  async reached(bytes: number, limit?: number): Promise<void> {
    const enough = new Promise<void>((resolve) => {
      const look = () => {
        if (this.head.length === this.#headBytes && this.bytes >= bytes) resolve();
      };
      this.#watchers.add(look);
      look();
    });
    await within(enough, `${bytes} bytes`, () => `${this.bytes} came`, limit);
  }

  /** Waits for the end and gives what came after the head. */
  async ended(limit?: number): Promise<Amount> {
    await within(this.#ended, "the end of the output", () => `${this.bytes} bytes came`, limit);
    return { bytes: this.bytes, sha256: this.#hash.copy().digest("hex") };
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  #take(chunk: Buffer): void {
    const missing = this.#headBytes - this.head.length;
    if (missing > 0) this.head = Buffer.concat([this.head, chunk.subarray(0, missing)]);
    const rest = chunk.subarray(missing);
    this.#hash.update(rest);
    this.bytes += rest.length;
    for (const look of this.#watchers) look();
  }
}

/** The most memory that a process has had resident so far, in MiB (VmHWM of proc_pid_status(5)). */
export function peakMemory(pid: number): number {
  const [, kilobytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "latin1")) ?? [];
  if (kilobytes === undefined) throw new Error(`process ${pid} has no VmHWM`);
  return Number(kilobytes) / 1024;
}

/** Bytes that processes have written so far, together (wchar of proc_pid_io(5)). */
export function writtenBy(pids: readonly number[]): number {
  const counts = pids.map((pid) => /^wchar: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, "latin1"))?.[1]);
  return counts.reduce((sum, count) => sum + Number(count), 0);
}

/** Looks at which something must be the same before it counts as standing still, 20 ms apart. */
const LOOKS = 10;

/** Waits until an amount grows no more. */
export async function standingStill(amount: () => number): Promise<void> {
  const seen: number[] = [];
  const look = () => {
    seen.push(amount());
    return seen.length > LOOKS && new Set(seen.slice(-LOOKS)).size === 1;
  };
  await poll(look, "it to stand still", () => seen.slice(-LOOKS).join(", "));
}
