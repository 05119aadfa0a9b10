import type { Writable } from "node:stream";
import { constants, createDeflateRaw, createInflateRaw, type DeflateRaw, type InflateRaw } from "node:zlib";
import type { Call } from "../peers/call.ts";

/** The session has ended before it was over. */
export class Lost extends Error {}

/** Nothing happens, though the session goes on. */
export class Silent extends Error {}

/** What no server and no failure may bring. */
export class Wrong extends Error {}

/** An untagged response; one literal at most is asked for in each. */
interface Response {
  readonly text: string;
  readonly literal: Buffer | undefined;
}

/** All that has come up to the end of a command, or to the server's wish for its continuation. */
export interface Answer {
  readonly untagged: readonly Response[];
  readonly last: string;
}

/** Milliseconds without a byte after which a session counts as hung: longer than any fault and what follows of it. */
const SILENCE = 70_000;

const PIECE = 64 * 1024;

/** An IMAP client over a call, which minds every byte (RFC 3501, and RFC 4978 for COMPRESS). */
export class Imap {
  readonly #call: Call;
  /** Bytes as they went through the call. */
  received = 0;
  sent = 0;
  hasSaidBye = false;
  readonly #chunks: Buffer[] = [];
  #failure: Error | undefined;
  #wake: () => void = () => {};
  readonly #over: Promise<never>;
  #commands = 0;
  #inflate: InflateRaw | undefined;
  #deflate: DeflateRaw | undefined;

  /** `call` must not collect its output. */
  constructor(call: Call) {
    this.#call = call;
    let fail: (error: Error) => void = () => {};
    this.#over = new Promise((_resolve, reject) => {
      fail = reject;
    });
    this.#over.catch(() => {});
    const end = (): void => {
      if (this.#inflate !== undefined) this.#inflate.end();
      else this.#fail(new Lost("the output has ended"));
      fail(new Lost("the output has ended"));
    };
    call.stdout.on("data", (piece: Buffer) => {
      this.received += piece.length;
      if (this.#inflate === undefined) this.#take(piece);
      else this.#inflate.write(piece);
    });
    for (const name of ["end", "error", "close"]) call.stdout.on(name, end);
  }

  /** The next line with its end. */
  async line(limit: number = SILENCE): Promise<string> {
    for (;;) {
      const [first] = this.#chunks;
      const end = first?.indexOf(0x0a) ?? -1;
      if (first !== undefined && end >= 0) return (await this.#bytes(end + 1, limit)).toString("latin1");
      if (this.#chunks.length > 1) this.#chunks.splice(0, 2, Buffer.concat(this.#chunks.slice(0, 2)));
      else await this.#more(limit);
    }
  }

  /** Sends one command, and waits for its answer; `more` is sent when the server asks for it, or at once. */
  async command(text: string, more?: { readonly bytes: Buffer; readonly waits: boolean }): Promise<Answer> {
    const tag = `a${++this.#commands}`;
    await this.#send(Buffer.from(`${tag} ${text}\r\n`, "latin1"));
    if (more?.waits === true) {
      const { last } = await this.#answer(tag);
      if (!last.startsWith("+ ")) throw new Wrong(`${text}: no continuation: ${last}`);
    }
    if (more !== undefined) await this.#send(Buffer.concat([more.bytes, Buffer.from("\r\n")]));
    return this.#answer(tag);
  }

  /** The same, and the server must have said OK to it. */
  async ok(text: string, more?: { readonly bytes: Buffer; readonly waits: boolean }): Promise<Answer> {
    const answer = await this.command(text, more);
    if (!/^a\d+ OK /.test(answer.last)) throw new Wrong(`${text}: ${answer.last}`);
    return answer;
  }

  /** IDLE (RFC 2177) for so many milliseconds. */
  async idle(ms: number): Promise<void> {
    const { last } = await this.command("IDLE");
    if (!last.startsWith("+ ")) throw new Wrong(`IDLE: ${last}`);
    await new Promise((resolve) => setTimeout(resolve, ms));
    await this.#send(Buffer.from("DONE\r\n"));
    await this.#answer(`a${this.#commands}`);
  }

  /** So many NOOPs at once. */
  async pipeline(count: number): Promise<void> {
    const tags = Array.from({ length: count }, () => `a${++this.#commands}`);
    await this.#send(Buffer.from(tags.map((tag) => `${tag} NOOP\r\n`).join(""), "latin1"));
    for (const tag of tags) {
      const { last } = await this.#answer(tag);
      if (!last.startsWith(`${tag} OK `)) throw new Wrong(`NOOP: ${last}`);
    }
  }

  async compress(): Promise<void> {
    await this.ok("COMPRESS DEFLATE");
    // A stream that is cut off is the call's affair.
    const inflate = createInflateRaw({ finishFlush: constants.Z_SYNC_FLUSH });
    inflate.on("data", (piece: Buffer) => this.#take(piece));
    inflate.on("end", () => this.#fail(new Lost("the output has ended")));
    inflate.on("error", (error) => this.#fail(new Wrong(`COMPRESS: ${error.message}`)));
    for (const chunk of this.#chunks.splice(0)) inflate.write(chunk);
    this.#inflate = inflate;
    this.#deflate = createDeflateRaw();
    this.#deflate.on("data", (piece: Buffer) => {
      this.sent += piece.length;
      this.#call.stdin.write(piece);
    });
  }

  /** Gives the exit status where the call ends by itself within `limit` milliseconds. */
  ended(limit: number): Promise<{ readonly status: number | null } | undefined> {
    return this.#call.exited(limit).catch(() => undefined);
  }

  /** What the call has said on a pipe of its own. */
  get remarks(): string {
    return this.#call.stderr;
  }

  /** Ends its own direction, and gives the exit status; undefined for a call that does not end within `limit` milliseconds. */
  async finish(limit: number): Promise<{ readonly status: number | null } | undefined> {
    this.#call.end();
    return this.ended(limit);
  }

  async #answer(tag: string): Promise<Answer> {
    const untagged: Response[] = [];
    for (;;) {
      let text = await this.line();
      const [, size] = /\{(\d+)\}\r\n$/.exec(text) ?? [];
      const literal = size === undefined ? undefined : await this.#bytes(Number(size));
      if (literal !== undefined) text += await this.line();
      if (!text.endsWith("\r\n")) throw new Wrong(`no CRLF: ${text.slice(0, 200)}`);
      if (text.startsWith(`${tag} `) || text.startsWith("+ ")) return { untagged, last: text };
      if (!text.startsWith("* ")) throw new Wrong(`no response: ${text.slice(0, 200)}`);
      if (/^\* BYE /.test(text)) this.hasSaidBye = true;
      untagged.push({ text, literal });
    }
  }

  #take(piece: Buffer): void {
    this.#chunks.push(piece);
    this.#wake();
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#wake();
  }

  async #bytes(count: number, limit: number = SILENCE): Promise<Buffer> {
    const taken: Buffer[] = [];
    for (let left = count; left > 0; ) {
      const chunk = this.#chunks.shift();
      if (chunk === undefined) {
        await this.#more(limit);
        continue;
      }
      taken.push(chunk.subarray(0, left));
      if (chunk.length > left) this.#chunks.unshift(chunk.subarray(left));
      left -= Math.min(left, chunk.length);
    }
    return Buffer.concat(taken);
  }

  /** Waits for a piece; throws when none will come. */
  #more(limit: number): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Silent(`nothing came for ${limit / 1000} s`)), limit);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async #send(bytes: Buffer): Promise<void> {
    for (let at = 0; at < bytes.length; at += PIECE) {
      await this.#write(this.#deflate ?? this.#call.stdin, bytes.subarray(at, at + PIECE));
    }
    if (this.#deflate === undefined) this.sent += bytes.length;
    else this.#deflate.flush(constants.Z_SYNC_FLUSH);
  }

  #write(into: Writable, piece: Buffer): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const taken = new Promise<void>((resolve, reject) => {
      timer = setTimeout(() => reject(new Silent(`nothing was taken for ${SILENCE / 1000} s`)), SILENCE);
      into.write(piece, (error) => {
        if (error) reject(new Lost(`the input has ended: ${error.message}`));
        else resolve();
      });
    });
    return Promise.race([taken, this.#over]).finally(() => clearTimeout(timer));
  }
}
