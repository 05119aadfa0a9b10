import packageJson from "../../package.json" with { type: "json" };
import { Failure, partsOf } from "../failure.ts";
import { jsonText } from "../report/printable.ts";
import { printWhole } from "../report/results.ts";
import type { Decision } from "../table/decision.ts";
import type { Target } from "../target/target.ts";
import type { World } from "../world.ts";

/** A value of a JSON document (RFC 8259). */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

/** Variables of the environment whose values are secrets by their names. */
const SECRET_NAME = /pass|token|secret|credential|api_?key|private_?key/i;

/** What text from outside shows as a secret: the password of a URL, and a value behind a telling name. */
const SHOWN_SECRET =
  /(\/\/[^\s/:@]*:)[^\s/@]+(?=@)|(\b(?:pass(?:word|wd|phrase)?|token|secret)\b["']?\s*[=:]\s*)\S+/gi;

/** Stands where a secret was. */
const LEFT_OUT = "(left out)";

/** Characters of the shortest text that is looked for: a shorter one would be found in other words. */
const SHORTEST = 5;

/** What a verb prints with --json: one document, for programs and bug reports, without what is nobody else's business. */
export class Document {
  readonly #parts: Record<string, Json>;
  readonly #secrets: Set<string>;

  constructor(verb: string, { env }: Pick<World, "env">) {
    this.#parts = { preauth: packageJson.version, verb };
    const values = Object.entries(env).filter(([name]) => SECRET_NAME.test(name));
    this.#secrets = new Set(values.map(([, value]) => value ?? ""));
  }

  add(parts: Readonly<Record<string, Json>>): void {
    Object.assign(this.#parts, parts);
  }

  /**
   * Leaves out the words of a ProxyCommand, which may name a proxy's password, and the values that a remote command sets:
   * what they print when they fail may have them.
   */
  hide({ command }: Decision, target: Target | undefined): void {
    const proxy = target?.proxyCommand.value;
    const known = new Set([target?.host.value, target?.user.value, String(target?.port.value)]);
    for (const word of proxy?.split(/\s+/) ?? []) if (!known.has(word)) this.#secrets.add(word);
    if (command?.value.kind !== "line") return;
    for (const [, value = ""] of command.value.line.matchAll(/=["']?([^\s"';&|()<>]+)/g))
      this.#secrets.add(value);
  }

  /** The document on one line, ended. */
  text(): string {
    return jsonText(this.#parts, (_name, value) =>
      typeof value === "string" ? this.#cleaned(value) : value,
    );
  }

  #cleaned(text: string): string {
    const hidden = [...this.#secrets].filter(({ length }) => length >= SHORTEST);
    const longestFirst = hidden.sort((one, other) => other.length - one.length);
    return longestFirst
      .reduce((sum, secret) => sum.replaceAll(secret, LEFT_OUT), text)
      .replace(SHOWN_SECRET, `$1$2${LEFT_OUT}`);
  }
}

/**
 * Runs a verb to its exit status and prints its document, with that status and the failure, also where it fails: the
 * Failure is thrown on, to be told on standard error.
 */
export async function documented(
  world: World,
  verb: string,
  act: (document: Document) => Promise<number>,
): Promise<number> {
  const document = new Document(verb, world);
  const end = (status: number, failure: Failure | undefined): void => {
    document.add({ status, failure: failure === undefined ? null : { ...partsOf(failure) } });
    printWhole(world, [document.text()]);
  };
  try {
    const status = await act(document);
    end(status, undefined);
    return status;
  } catch (error) {
    if (error instanceof Failure) end(error.status, error);
    throw error;
  }
}
