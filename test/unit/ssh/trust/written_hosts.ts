import { createHmac } from "node:crypto";
import fc from "fast-check";

/** One file that a case names. */
export type WrittenFile =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "missing" | "directory" };

/** What a person may have written down about a server, and how the server is called. */
export interface Case {
  /** Index of the server, each of which has one host key. */
  readonly server: number;
  /** What is connected to: an address or a name of the loopback. */
  readonly host: string;
  readonly alias: string | undefined;
  readonly user: readonly WrittenFile[];
  readonly global: readonly WrittenFile[];
  readonly revoked: WrittenFile | undefined;
}

/** What the cases are made of. */
export interface Material {
  /** `TYPE BASE64` of each server's key. */
  readonly keys: readonly string[];
  readonly ports: readonly number[];
  /** Keys that no server has, of the same types and of others. */
  readonly strangers: readonly string[];
}

const HOSTS = ["127.0.0.1", "127.0.0.2", "localhost", "LocalHost"] as const;
const ALIASES = ["mail.test", "Mail.Test", "a.b.test", "127.0.0.1"] as const;
const SALT = Buffer.alloc(20, 7);

/** Cases in which a server is known, unknown, changed and revoked about equally often. */
export function cases(material: Material): fc.Arbitrary<Case> {
  return fc
    .record({
      server: fc.nat(material.keys.length - 1),
      host: fc.constantFrom(...HOSTS),
      alias: often(2, undefined, fc.constantFrom(...ALIASES)),
    })
    .chain((peer) => {
      const { server, alias, host } = peer;
      const port = material.ports[server] ?? 0;
      const names = alias === undefined ? [`[${host}]:${port}`, host] : [alias];
      const lower = names.map((name) => name.toLowerCase());
      const key = material.keys[server] ?? "";
      const file = filesOf(lower, key, material.strangers);
      return fc.record({
        ...{ server: fc.constant(server), host: fc.constant(host), alias: fc.constant(alias) },
        user: fc.array(file, { minLength: 1, maxLength: 3 }),
        global: fc.array(file, { maxLength: 2 }),
        revoked: often(7, undefined, revocations(key, material.strangers)),
      });
    });
}

/** Mostly `usual`; once in so many times and one something else. */
function often<T, U>(times: number, usual: T, other: fc.Arbitrary<U>): fc.Arbitrary<T | U> {
  return fc.oneof(
    { weight: times, arbitrary: fc.constant(usual) },
    { weight: 1, arbitrary: other },
  ) as fc.Arbitrary<T | U>;
}

function filesOf(
  names: readonly string[],
  key: string,
  strangers: readonly string[],
): fc.Arbitrary<WrittenFile> {
  const text = fc
    .tuple(
      fc.array(lines(names, key, strangers), { maxLength: 5 }),
      fc.constantFrom("\n", "\n", "\r\n"),
      fc.boolean(),
    )
    .map(([written, end, last]) => ({ kind: "text", text: written.join(end) + (last ? end : "") }) as const);
  return fc.oneof(
    { weight: 8, arbitrary: text },
    { weight: 1, arbitrary: fc.constantFrom({ kind: "missing" } as const, { kind: "directory" } as const) },
  );
}

function lines(names: readonly string[], key: string, strangers: readonly string[]): fc.Arbitrary<string> {
  const keyText = fc.oneof(
    { weight: 5, arbitrary: fc.constant(key) },
    { weight: 4, arbitrary: fc.constantFrom(...strangers) },
    { weight: 3, arbitrary: fc.constantFrom(key, ...strangers).chain(spoilt) },
  );
  const marker = often(
    5,
    "",
    fc.constantFrom(
      "@revoked ",
      "@revoked ",
      "@revoked\t",
      "@cert-authority ",
      "@Revoked ",
      "@x ",
      "@revoked @revoked ",
      "@revoked",
    ),
  );
  const blank = often(6, " ", fc.constantFrom("\t", "  ", " \t", "\v", "\r ", "\f"));
  const comment = often(3, "", fc.constantFrom(" comment", "\tx y", " #", "\r", "#", "\0x", " \0"));
  const entry = fc
    .tuple(
      often(9, "", fc.constantFrom(" ", "\t", "\r", "#")),
      marker,
      fields(names),
      blank,
      keyText,
      comment,
    )
    .map((parts) => parts.join(""));
  const garbage = fc.constantFrom(
    "",
    " ",
    "# comment",
    "garbage",
    "a b c",
    "@revoked",
    "|1|",
    ...names,
    `${names[0]} ${key.split(" ")[0]}`,
  );
  return fc.oneof({ weight: 6, arbitrary: entry }, { weight: 1, arbitrary: garbage });
}

/** A first field, which means one of the names or not. */
function fields(names: readonly string[]): fc.Arbitrary<string> {
  const name = fc.constantFrom(...names);
  const pattern = fc.oneof(
    name,
    name.map((text) => text.toUpperCase()),
    name.map((text) => text.replace(/^./, "?")),
    name.map((text) => text.replace(/\d+$|test$/, "*")),
    fc.constantFrom(
      "*",
      "*.test",
      "127.*",
      "[127.0.0.?]:*",
      "[*]:*",
      "other.test",
      "[localhost]:1",
      "",
      "x".repeat(1022),
      "x".repeat(1023),
    ),
  );
  const list = fc
    .array(fc.tuple(often(7, "", fc.constantFrom("!", "!!")), pattern), { minLength: 1, maxLength: 3 })
    .map((parts) => parts.map((part) => part.join("")).join(","));
  const hash = fc
    .oneof(
      { weight: 4, arbitrary: name },
      { weight: 1, arbitrary: fc.constantFrom("other.test", "127.0.0.1", "") },
    )
    .map((text) => hashed(text));
  return fc.oneof(
    { weight: 4, arbitrary: name },
    { weight: 4, arbitrary: list },
    { weight: 3, arbitrary: hash },
    {
      weight: 1,
      arbitrary: hash.chain((text) =>
        fc.constantFrom(
          `${text},x`,
          text.replace("=|", "|"),
          text.slice(0, -1),
          `${text}|`,
          text.replace("|1|", "|2|"),
        ),
      ),
    },
  );
}

function hashed(name: string): string {
  return `|1|${SALT.toString("base64")}|${createHmac("sha1", SALT).update(name).digest("base64")}`;
}

/** A key that a careless hand has been at. */
function spoilt(key: string): fc.Arbitrary<string> {
  const [type = "", blob = ""] = key.split(" ");
  const bytes = Buffer.from(blob, "base64");
  // In a certificate it may change the signature, which ssh alone checks in a line of known_hosts.
  const lastLetterChanged = `${type} ${blob.replace(/.(?==*$)/, (letter) => (letter === "A" ? "B" : "A"))}`;
  return fc.constantFrom(
    `${type}\t${blob}`,
    `${type} ${blob}=`,
    `${type} ${blob.replace(/=+$/, "")}`,
    ...(type.includes("-cert-") ? [] : [lastLetterChanged]),
    `${type} ${blob.slice(0, 30)}\r${blob.slice(30)}`,
    `${type} ${blob.slice(0, 30)} ${blob.slice(30)}`,
    `${type} ${blob.slice(0, 30)}!${blob.slice(30)}`,
    `${type} ${bytes.subarray(0, -3).toString("base64")}`,
    `${type} ${Buffer.concat([bytes, Buffer.alloc(3)]).toString("base64")}`,
    `${type.toUpperCase()} ${blob}`,
    `ssh-ed25519 ${blob}`,
    `ssh-rsa ${blob}`,
    `rsa-sha2-512 ${blob}`,
    `rsa-sha2-256 ${blob}`,
    `1024 35 ${blob}`,
    type,
    blob,
  );
}

function revocations(key: string, strangers: readonly string[]): fc.Arbitrary<WrittenFile> {
  const line = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...strangers, "# comment", "", " \t") },
    { weight: 1, arbitrary: fc.constantFrom(key, `\t${key} comment\r`) },
    { weight: 1, arbitrary: fc.constantFrom("garbage", `* ${key}`, "\r").chain(fc.constant) },
  );
  const text = fc
    .array(line, { maxLength: 4 })
    .map((texts) => ({ kind: "text", text: texts.join("\n") }) as const);
  return fc.oneof(
    { weight: 5, arbitrary: text },
    { weight: 1, arbitrary: fc.constantFrom({ kind: "missing" } as const, { kind: "directory" } as const) },
  );
}
