import { encoded } from "../utf8.ts";

/*
 * What goes over the control socket, in both directions: frames of a byte for the kind, four for the length (big
 * endian), and that many bytes. A message is JSON in UTF-8, described in protocol.ts; data are the bytes of the
 * session, in any pieces; an end says that no more of them come.
 */

const MESSAGE = 1;
const DATA = 2;
const END = 3;

const HEADER = 5;

/** Bytes of a message: it carries a decision and an environment. */
const LONGEST_MESSAGE = 1024 * 1024;

/** Receives what a FrameReader finds. */
export interface FrameListener {
  message(value: unknown): void;
  data(bytes: Buffer): void;
  end(): void;
}

/** A peer that does not speak our language. */
export class FrameError extends Error {}

export function messageFrame(value: unknown): Uint8Array {
  const text = encoded(JSON.stringify(value));
  if (text.length > LONGEST_MESSAGE) throw new FrameError("the message is too long");
  return frame(MESSAGE, text);
}

export function dataFrame(bytes: Uint8Array): Uint8Array {
  return frame(DATA, bytes);
}

export function endFrame(): Uint8Array {
  return frame(END, new Uint8Array(0));
}

function frame(kind: number, content: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(HEADER + content.length);
  bytes[0] = kind;
  new DataView(bytes.buffer).setUint32(1, content.length);
  bytes.set(content, HEADER);
  return bytes;
}

/** Takes a stream of frames apart. Data are handed on as they come; of anything else at most one message is kept. */
export class FrameReader {
  readonly #listener: FrameListener;
  /** The header of a frame, as far as it has come. */
  readonly #header = Buffer.alloc(HEADER);
  #headerBytes = 0;
  /** Bytes of the frame behind its header that are still to come. */
  #left = 0;
  /** A message, as far as it has come. */
  #message: Buffer = Buffer.alloc(0);
  #messageBytes = 0;

  constructor(listener: FrameListener) {
    this.#listener = listener;
  }

  /** Throws a FrameError for what no peer of ours would send; not to be called again then. */
  take(chunk: Buffer): void {
    let rest = chunk;
    while (rest.length > 0) rest = rest.subarray(this.#left === 0 ? this.#begin(rest) : this.#go(rest));
  }

  /** Takes bytes of a header, and gives their number. */
  #begin(bytes: Buffer): number {
    const used = bytes.copy(this.#header, this.#headerBytes);
    this.#headerBytes += used;
    if (this.#headerBytes < HEADER) return used;
    this.#headerBytes = 0;
    const length = this.#header.readUInt32BE(1);
    switch (this.#header[0]) {
      case DATA:
        break;
      case END:
        if (length !== 0) throw new FrameError("an end with bytes");
        this.#listener.end();
        break;
      case MESSAGE:
        if (length === 0) throw new FrameError("an empty message");
        if (length > LONGEST_MESSAGE) throw new FrameError("the message is too long");
        break;
      default:
        throw new FrameError("an unknown kind of frame");
    }
    this.#left = length;
    return used;
  }

  /** Takes bytes of a frame behind its header, and gives their number. */
  #go(bytes: Buffer): number {
    const piece = bytes.subarray(0, this.#left);
    this.#left -= piece.length;
    if (this.#header[0] === DATA) this.#listener.data(piece);
    else if (this.#left === 0 && this.#messageBytes === 0) this.#listener.message(parsed(piece));
    else this.#gather(piece);
    return piece.length;
  }

  #gather(piece: Buffer): void {
    const length = this.#messageBytes + piece.length;
    if (length > this.#message.length) {
      // Twice as much each time, or many small pieces would be copied again with each; never what a header promises.
      const larger = Buffer.allocUnsafe(2 * length);
      this.#message.copy(larger, 0, 0, this.#messageBytes);
      this.#message = larger;
    }
    piece.copy(this.#message, this.#messageBytes);
    this.#messageBytes = length;
    if (this.#left > 0) return;
    const whole = this.#message.subarray(0, length);
    this.#message = Buffer.alloc(0);
    this.#messageBytes = 0;
    this.#listener.message(parsed(whole));
  }
}

function parsed(text: Buffer): unknown {
  try {
    return JSON.parse(text.toString());
  } catch {
    throw new FrameError("a message that is not JSON");
  }
}
