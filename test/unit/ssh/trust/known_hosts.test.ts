import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createECDH, createHmac } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { wire } from "../../../../src/ssh/keys/blob.ts";
import { hashName, judge, knownTypes, parseKnownHosts } from "../../../../src/ssh/trust/known_hosts.ts";
import { program } from "../../../peers/programs.ts";
import { makeTemporary, removeTemporary } from "../../../peers/temporary.ts";

const ED = "ssh-ed25519";
const RSA = "ssh-rsa";

/** A public key that ssh-keygen takes. */
const REAL = "AAAAC3NzaC1lZDI1NTE5AAAAIFM4pXiWHYWuvc0mQPXzCcbU8NkTyVIBUfSd9cJWlbjj";

/** A sound key of a type, one for each seed. */
function key(type: string, seed: number): Buffer {
  if (type === RSA) return wire(RSA, Buffer.from([1, 0, 1]), Buffer.alloc(256, 0x40 + (seed % 64)));
  if (type === "ssh-dss") return wire(type, ...[1, 2, 3, 4].map((number) => Buffer.from([number, seed])));
  return wire(type, Buffer.alloc(32, seed));
}

function entry(names: string, type: string, seed: number): string {
  return `${names} ${type} ${key(type, seed).toString("base64")}`;
}

function hashed(name: string, salt = Buffer.alloc(20, 7)): string {
  return `|1|${salt.toString("base64")}|${createHmac("sha1", salt).update(name).digest("base64")}`;
}

/** The verdict on an ed25519 key of seed 1, and the line it stands on. */
function verdict(text: string, ...names: string[]): string {
  const found = judge(parseKnownHosts(text, "kh"), names, key(ED, 1));
  switch (found.kind) {
    case "known":
    case "revoked":
      return `${found.kind} ${found.entry.line}`;
    case "changed":
      return `changed ${found.entries.map(({ line }) => line)}`;
    case "unknown":
      return `unknown ${found.authorities.map(({ line }) => line)}`.trim();
  }
}

test("a host is known by the key on its line", () => {
  const text = `# comment\n\n${entry("a.test,b.test", ED, 1)} a comment\n`;
  assert.equal(verdict(text, "a.test"), "known 3");
  assert.equal(verdict(text, "b.test"), "known 3");
  assert.equal(verdict(text, "c.test"), "unknown");
});

test("the case of names in known_hosts does not matter", () => {
  assert.equal(verdict(entry("A.Test", ED, 1), "a.test"), "known 1");
});

test("CRLF, tabs, leading blanks and a missing final newline are no trouble", () => {
  assert.equal(verdict(`\t ${entry("a.test", ED, 1).replaceAll(" ", " \t ")}\r\n`, "a.test"), "known 1");
  assert.equal(verdict(`x\r\n${entry("a.test", ED, 1)}`, "a.test"), "known 2");
});

test("another key of the same type means changed, and every line says so", () => {
  const text = [entry("a.test", ED, 2), entry("*.test", ED, 3), entry("b.test", ED, 4)].join("\n");
  assert.equal(verdict(text, "a.test"), "changed 1,2");
});

test("a host known by another type of key only has changed, as for ssh(1)", () => {
  assert.equal(verdict(entry("a.test", RSA, 2), "a.test"), "changed 1");
});

test("one matching line is enough beside others that differ", () => {
  const text = [entry("a.test", RSA, 2), entry("a.test", ED, 2), entry("a.test", ED, 1)].join("\n");
  assert.equal(verdict(text, "a.test"), "known 3");
});

test("a revoked key is revoked, wherever it stands and whatever else is known", () => {
  const text = [entry("a.test", ED, 1), `@revoked ${entry("*", ED, 1)}`].join("\n");
  assert.equal(verdict(text, "a.test"), "revoked 2");
  assert.equal(verdict(`@revoked ${entry("b.test", ED, 1)}\n${entry("a.test", ED, 1)}`, "a.test"), "known 2");
});

test("a key of an authority is no host key", () => {
  assert.equal(verdict(`@cert-authority ${entry("*.test", ED, 1)}`, "a.test"), "unknown 1");
});

test("a line with an unknown marker, or with two, does not count", () => {
  assert.equal(verdict(`@trusted ${entry("a.test", ED, 1)}`, "a.test"), "unknown");
  assert.equal(verdict(`@revoked @revoked ${entry("a.test", ED, 1)}`, "a.test"), "unknown");
});

test("a marker ends at the line's first space, at a tab only where there is none, as for ssh(1)", () => {
  const tabs = `@revoked\t${entry("a.test", ED, 1)}`;
  assert.equal(verdict(tabs, "a.test"), "unknown");
  assert.equal(verdict(tabs.replaceAll(" ", "\t"), "a.test"), "revoked 1");
  assert.equal(verdict(tabs.replace("\t", " \t "), "a.test"), "revoked 1");
});

test("a carriage return is part of its word, and white space in base64", () => {
  const [names, type, blob = ""] = entry("a.test", ED, 1).split(" ");
  assert.equal(verdict(`${names}\r ${type} ${blob}`, "a.test"), "unknown");
  assert.equal(verdict(`*,x\r ${type} ${blob}`, "a.test"), "known 1");
  assert.equal(verdict(`${names} ${type}\r ${blob}`, "a.test"), "unknown");
  assert.equal(verdict(`${names} ${type} ${blob.slice(0, 9)}\r\v${blob.slice(9)}\r`, "a.test"), "known 1");
});

test("a line ends at its first NUL", () => {
  assert.equal(verdict(`${entry("a.test", ED, 1)}\0!`, "a.test"), "known 1");
  assert.equal(verdict(`a.test ${ED}\0${entry("a.test", ED, 1)}`, "a.test"), "unknown");
});

test("base64 is padded, and has no stray bits", () => {
  const line = entry("a.test", RSA, 1);
  assert.match(line, /E=$/);
  assert.equal(verdict(line, "a.test"), "changed 1");
  assert.equal(verdict(line.replace(/E=$/, "F="), "a.test"), "unknown");
  assert.equal(verdict(line.replace(/=$/, ""), "a.test"), "unknown");
  assert.equal(verdict(`${line}=`, "a.test"), "unknown");
});

test("a key that is none says nothing, not even that the host has another one", () => {
  const changed = (type: string, ...fields: Buffer[]) =>
    verdict(`a.test ${type} ${wire(type, ...fields).toString("base64")}`, "a.test");
  const number = (length: number, first: number) => Buffer.from([first, ...Buffer.alloc(length - 1, 1)]);
  const three = Buffer.from([3]);
  assert.equal(changed(ED, Buffer.alloc(32)), "changed 1");
  assert.equal(changed(ED, Buffer.alloc(31)), "unknown");
  assert.equal(changed(ED, Buffer.alloc(32), three), "unknown");
  assert.equal(changed(RSA, three, number(128, 0x7f)), "unknown");
  assert.equal(changed(RSA, three, number(129, 0)), "unknown");
  assert.equal(changed(RSA, three, number(129, 1)), "changed 1");
  assert.equal(changed(RSA, three, number(256, 0x80)), "unknown");
  assert.equal(changed("ssh-dss", three, three, three, three), "changed 1");
  assert.equal(changed("ssh-foo", three), "unknown");
  assert.equal(changed("toString", three), "unknown");
  const ecdh = createECDH("secp384r1");
  const point = ecdh.generateKeys();
  const curve = Buffer.from("nistp384");
  assert.equal(changed("ecdsa-sha2-nistp384", curve, point), "changed 1");
  assert.equal(changed("ecdsa-sha2-nistp256", curve, point), "unknown");
  assert.equal(changed("ecdsa-sha2-nistp384", curve, ecdh.getPublicKey(null, "compressed")), "unknown");
  point[20] = (point[20] ?? 0) ^ 1;
  assert.equal(changed("ecdsa-sha2-nistp384", curve, point), "unknown");
});

test("an RSA key may stand under the name of its signature algorithm", () => {
  const line = entry("a.test", RSA, 1).replace(RSA, "rsa-sha2-512");
  assert.deepEqual([...knownTypes(parseKnownHosts(line, "kh"), ["a.test"])], [RSA]);
});

test("only ASCII letters have two cases", () => {
  assert.equal(verdict(entry("\u212a.test", ED, 1), "k.test"), "unknown");
});

test("a pattern that is too long for ssh(1) ends the list without a match", () => {
  const long = (length: number) => `a.test,${"x".repeat(length)},b.test`;
  assert.equal(verdict(entry(long(1022), ED, 1), "a.test"), "known 1");
  assert.equal(verdict(entry(long(1023), ED, 1), "a.test"), "unknown");
});

test("a hashed name must be written as ssh(1) writes it", () => {
  assert.match(hashName("a.test"), /^\|1\|[\w+/]{27}=\|[\w+/]{27}=$/);
  assert.equal(verdict(entry(hashName("a.test"), ED, 1), "a.test"), "known 1");
  assert.equal(verdict(entry(hashed("a.test").replace(/=\|/, "|"), ED, 1), "a.test"), "unknown");
  assert.equal(verdict(entry(`${hashed("a.test")}|`, ED, 1), "a.test"), "unknown");
});

test("hashed names are compared by their hash", () => {
  assert.equal(verdict(entry(hashed("a.test"), ED, 1), "a.test"), "known 1");
  assert.equal(verdict(entry(hashed("[a.test]:2222"), ED, 1), "[a.test]:2222"), "known 1");
  assert.equal(verdict(entry(hashed("b.test"), ED, 1), "a.test"), "unknown");
});

test("a hash with a salt of another length than ssh(1) takes does not count", () => {
  assert.equal(verdict(entry(hashed("a.test", Buffer.alloc(8, 1)), ED, 1), "a.test"), "unknown");
});

test("wildcards span dots, and a negated pattern excludes", () => {
  assert.equal(verdict(entry("*.test", ED, 1), "a.b.test"), "known 1");
  assert.equal(verdict(entry("a?.test", ED, 1), "ab.test"), "known 1");
  assert.equal(verdict(entry("a?.test", ED, 1), "a.test"), "unknown");
  assert.equal(verdict(entry("*.test,!b.test", ED, 1), "b.test"), "unknown");
  assert.equal(verdict(entry("!b.test,*.test", ED, 1), "b.test"), "unknown");
  assert.equal(verdict(entry("!b.test", ED, 1), "a.test"), "unknown");
  assert.equal(verdict(entry("*a*b*", ED, 1), "xxaxxbxx"), "known 1");
  assert.equal(verdict(entry("*a*b", ED, 1), "xxaxxbxx"), "unknown");
});

test("brackets are no wildcard", () => {
  assert.equal(verdict(entry("[a.test]:2222", ED, 1), "[a.test]:2222"), "known 1");
  assert.equal(verdict(entry("[a.test]:2222", ED, 1), "a"), "unknown");
});

test("the bare name counts where a port's name has no key, but never says changed", () => {
  assert.equal(verdict(entry("a.test", ED, 1), "[a.test]:2222", "a.test"), "known 1");
  assert.equal(verdict(entry("a.test", ED, 2), "[a.test]:2222", "a.test"), "unknown");
  assert.equal(verdict(`@revoked ${entry("a.test", ED, 1)}`, "[a.test]:2222", "a.test"), "revoked 1");
  const both = [entry("[a.test]:2222", ED, 2), entry("a.test", ED, 1)].join("\n");
  assert.equal(verdict(both, "[a.test]:2222", "a.test"), "changed 1");
});

test("lines that make no sense are passed over", () => {
  const good = entry("a.test", ED, 1);
  const [, , blob = ""] = good.split(" ");
  const bad = [
    "a.test",
    `a.test ${ED}`,
    `a.test ${ED} #`,
    `a.test ${ED} ${blob.slice(0, -2)}!`,
    `a.test ${RSA} ${blob}`,
    "a.test 1024 35 123456",
    `a.test ${ED} AAAA`,
    "|1|x|y",
    "@revoked",
  ];
  assert.equal(parseKnownHosts(bad.join("\n"), "kh").length, 0);
  assert.equal(verdict([...bad, good].join("\n"), "a.test"), `known ${bad.length + 1}`);
});

test("known types come from the first name that has any, without markers", () => {
  const text = [
    entry("[a.test]:2222", ED, 2),
    entry("a.test", RSA, 1),
    `@revoked ${entry("*", "ssh-dss", 1)}`,
  ];
  const entries = parseKnownHosts(text.join("\n"), "kh");
  assert.deepEqual([...knownTypes(entries, ["[a.test]:2222", "a.test"])], [ED]);
  assert.deepEqual([...knownTypes(entries, ["[a.test]:99", "a.test"])], [RSA]);
  assert.deepEqual([...knownTypes(entries, ["b.test"])], []);
});

test("the parser takes any text, and every line it gives is one of it", () => {
  const piece = fc.constantFrom(
    "a.test",
    " ",
    "\t",
    "\n",
    "\r",
    "@revoked",
    "#",
    ED,
    "|1|",
    "=",
    "*",
    "!",
    ",",
    "\0",
  );
  const text = fc.oneof(
    fc.string(),
    fc.array(piece).map((pieces) => pieces.join("")),
  );
  const around = entry("a.test", ED, 1);
  fc.assert(
    fc.property(text, text, (before, after) => {
      const entries = parseKnownHosts(`${before}\n${around}\n${after}`, "kh");
      const mine = entries.find(({ line }) => line === before.split("\n").length + 1);
      assert.equal(mine?.names, "a.test");
      for (const { file, line } of entries) assert.ok(file === "kh" && line >= 1);
      judge(entries, [before, "a.test"], key(ED, 1));
    }),
  );
});

test("what surrounds a line never changes what it says, but for a key that is revoked", () => {
  const line = fc.constantFrom(
    "",
    "# comment",
    "garbage",
    `@cert-authority ${entry("*", RSA, 3)}`,
    `@revoked ${entry("*", ED, 9)}`,
    entry("b.test", ED, 2),
    entry(hashed("b.test"), ED, 2),
    entry("*,!a.test", ED, 2),
    `@unknown ${entry("a.test", ED, 2)}`,
    `a.test ${ED} AAAA`,
    "\0",
  );
  const ending = fc.constantFrom("\n", "\r\n");
  fc.assert(
    fc.property(fc.array(line), fc.array(line), ending, fc.constantFrom(1, 2), (before, after, end, seed) => {
      const text = [...before, entry("a.test", ED, seed), ...after].join(end);
      const at = before.length + 1;
      assert.equal(verdict(text, "a.test"), `${seed === 1 ? "known" : "changed"} ${at}`);
      assert.equal(verdict(`${text}\n@revoked ${entry("a.*", ED, 1)}`, "a.test").split(" ")[0], "revoked");
    }),
  );
});

test("matching agrees with a regular expression for any pattern", () => {
  const letters = fc.constantFrom("a", "b", ".", "*", "?");
  const pattern = fc.array(letters, { minLength: 1, maxLength: 12 }).map((parts) => parts.join(""));
  const name = fc
    .array(fc.constantFrom("a", "b", "."), { minLength: 1, maxLength: 12 })
    .map((p) => p.join(""));
  fc.assert(
    fc.property(pattern, name, (glob, host) => {
      const source = glob.replaceAll(".", "\\.").replaceAll("*", ".*").replaceAll("?", ".");
      const wanted = new RegExp(`^${source}$`).test(host) ? "known 1" : "unknown";
      assert.equal(verdict(entry(glob, ED, 1), host), wanted);
    }),
  );
});

test("a pattern of many stars takes no time", () => {
  const glob = `${"*a".repeat(2000)}*`;
  assert.equal(verdict(entry(glob, ED, 1), "a".repeat(1999)), "unknown");
});

test("the lines of a name are those that ssh-keygen -F finds", () => {
  const folder = makeTemporary();
  try {
    const names = ["a.test", "b.test", "[a.test]:2222", "127.0.0.1", "::1", "x"];
    const fields = [
      "a.test,b.test",
      "*",
      "!b.test,*.test",
      "[a.test]:2222,x",
      "127.0.0.?",
      "::1",
      "*.test:2222",
    ];
    const keys = fields.map((field, index) => entry(field, ED, index));
    keys.push(...names.map((name, index) => entry(hashed(name), ED, index + 100)));
    const file = join(folder, "known_hosts");
    writeFileSync(file, keys.map((line) => line.replace(/ \S+$/, ` ${REAL}`)).join("\n"));
    const entries = parseKnownHosts(readFileSync(file, "utf8"), file);
    assert.equal(entries.length, keys.length);
    for (const name of names) {
      const out = spawnSync(program("ssh-keygen"), ["-F", name, "-f", file], { encoding: "utf8" }).stdout;
      const wanted = [...out.matchAll(/found: line (\d+)/g)].map(([, line]) => Number(line));
      const found = judge(entries, [name], key(ED, 250));
      assert.equal(found.kind, "changed");
      assert.deepEqual(found.kind === "changed" && found.entries.map(({ line }) => line), wanted, name);
    }
  } finally {
    removeTemporary(folder);
  }
});
