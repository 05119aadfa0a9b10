import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Failure } from "../../../../src/failure.ts";
import type { Connection } from "../../../../src/ssh/connection.ts";
import { fingerprint } from "../../../../src/ssh/keys/blob.ts";
import { hostKeyName, makeKey } from "../../../peers/keys.ts";
import { type Scripted, somebody } from "../../../peers/person.ts";
import { program } from "../../../peers/programs.ts";
import { type Sshd, startSshd } from "../../../peers/sshd.ts";
import { makeTemporary, removeTemporary } from "../../../peers/temporary.ts";
import { within } from "../../../peers/waiting.ts";
import { connectTo, never, newStory, targetFor, type Values } from "../fixtures.ts";

const folder = makeTemporary();
let sshd: Sshd;
before(async () => {
  sshd = await startSshd();
});
after(async () => {
  await sshd.stop();
  removeTemporary(folder);
});

let count = 0;
/** A path in a directory that is not there yet. */
const nowhere = () => join(folder, String(++count), "known_hosts");

function fileWith(text: string): string {
  const path = join(folder, `known_hosts.${++count}`);
  writeFileSync(path, text);
  return path;
}

const name = () => hostKeyName(sshd.host, sshd.port);
const line = () => sshd.hostKeys[0]?.line ?? "";
const print = () => fingerprint(Buffer.from(line().split(" ")[1] ?? "", "base64"));

function attempt(person: Scripted, path: string, values: Values = {}): Promise<Connection> {
  const target = targetFor(sshd, { knownHosts: [path], ...values });
  return connectTo(target, newStory(), never(), person);
}

async function connected(person: Scripted, path: string, values: Values = {}): Promise<void> {
  const connection = await attempt(person, path, values);
  connection.end();
  await connection.closed;
}

async function refused(person: Scripted, path: string, values: Values = {}): Promise<Failure> {
  const failure = await attempt(person, path, values).then(
    (connection) => connection.end(),
    (error) => error,
  );
  assert.ok(failure instanceof Failure, String(failure));
  assert.equal(failure.trouble, "hostkey");
  return failure;
}

test("an unknown key is shown and asked about, and a yes writes it down for the next time", async () => {
  const path = nowhere();
  const person = somebody("yes");
  const story = newStory();
  const target = targetFor(sshd, { knownHosts: [path] });
  const connection = await connectTo(target, story, never(), person);
  connection.end();
  assert.equal(readFileSync(path, "utf8"), `${name()} ${line()}\n`);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.equal(statSync(join(path, "..")).mode & 0o777, 0o700);
  assert.equal(person.asked.length, 1);
  assert.match(person.asked[0] ?? "", /"yes", "no" or the fingerprint/);
  const told = person.told.join("\n");
  assert.ok(told.includes(name()) && told.includes(`ssh-ed25519 ${print()}`) && told.includes(path), told);
  assert.equal(person.told.at(-1), `The host key of ${name()} is now in ${path}.`);
  assert.equal(story.steps.find(([step]) => step === "hostkey")?.[1], `ssh-ed25519 ${print()} accepted now`);
  await connected(somebody(), path);
});

test("the fingerprint is a yes, another one is none, and what is no answer is asked again", async () => {
  await connected(somebody(print()), nowhere());
  await connected(somebody(" YES\t"), nowhere());
  const person = somebody("y", print().toLowerCase(), `${print()}x`, "yes please", "no");
  const { what } = await refused(person, nowhere());
  assert.equal(what, `host key not accepted (ssh-ed25519 ${print()})`);
  assert.equal(person.asked.length, 5);
});

test("a no, or nothing, writes nothing", async () => {
  for (const answer of ["no", "No", "", "  "]) {
    const path = nowhere();
    await refused(somebody(answer), path);
    assert.equal(existsSync(path), false);
  }
});

test("the end of input is told as it comes", async () => {
  const gone = new Failure("gone", "standard input", "ended");
  await assert.rejects(attempt(somebody(gone), nowhere()), gone);
});

test("HashKnownHosts hides the name", async () => {
  const path = nowhere();
  await connected(somebody("yes"), path, { hashNames: true });
  assert.match(readFileSync(path, "utf8"), /^\|1\|\S{28}\|\S{28} ssh-ed25519 \S+\n$/);
  const found = spawnSync(program("ssh-keygen"), ["-F", name(), "-f", path], { encoding: "utf8" });
  assert.match(found.stdout, /found: line 1/);
});

test("a line that lacks its newline gets it, and nothing else of the file changes", async () => {
  for (const text of ["# mine", "# mine\r\n", "other.test garbage\n\n"]) {
    const path = fileWith(text);
    await connected(somebody("yes"), path);
    const end = text.endsWith("\n") ? "" : "\n";
    assert.equal(readFileSync(path, "utf8"), `${text}${end}${name()} ${line()}\n`);
  }
});

test("an alias stands for the name, and another name of the same key is shown", async () => {
  const path = fileWith(`old.test ${line()}\n`);
  const person = somebody("yes");
  await connected(person, path, { hostKeyName: "work" });
  assert.equal(readFileSync(path, "utf8"), `old.test ${line()}\nwork ${line()}\n`);
  assert.match(person.told.join("\n"), /known_hosts\.\d+:1 has the same key for old\.test/);
});

test("a file that cannot be written is told, and the session stands", async () => {
  const directory = join(folder, `directory${++count}`);
  mkdirSync(directory);
  for (const [path, code] of [
    [directory, "EISDIR"],
    [join(directory, "no", "such", "file"), "ENOENT"],
  ] as const) {
    const person = somebody("yes");
    await connected(person, path);
    assert.ok(person.told.at(-1)?.startsWith(`${path} cannot be written (${code}): `), person.told.at(-1));
  }
});

test("nobody is asked where the answer could not be remembered", async () => {
  assert.match((await refused(somebody(), nowhere(), { newHostKeys: undefined })).what, /unknown/);
  for (const hostKeyName of ["*.test", "a b", "!a", "a,b", "@revoked", "|1|", "#a", "[a", "a]", ""]) {
    assert.match((await refused(somebody(), nowhere(), { hostKeyName })).what, /unknown/, hostKeyName);
  }
});

test("a changed or a revoked key is never asked about nor written over", async () => {
  const stranger = makeKey(join(folder, "stranger"));
  const texts = [`${name()} ${stranger.line}\n`, `@revoked * ${line()}\n`];
  for (const text of texts) {
    const path = fileWith(text);
    const { what } = await refused(somebody(), path);
    assert.match(what, new RegExp(`^host key (changed|revoked) \\(known_hosts\\.${count}:1 `));
    assert.equal(readFileSync(path, "utf8"), text);
  }
  const revoked = fileWith(line());
  assert.match(
    (await refused(somebody(), nowhere(), { revokedHostKeys: [revoked] })).what,
    /^host key revoked/,
  );
});

test("whoever gives up while a person thinks gets the reason, and the question ends", async () => {
  const controller = new AbortController();
  const person = somebody({ is: "never" });
  const story = newStory();
  const target = targetFor(sshd, { knownHosts: [nowhere()] });
  const connecting = connectTo(target, story, controller.signal, person);
  const signal = await person.questioned;
  assert.equal(story.progress.doing, "waiting for an answer about the host key of mail.test");
  controller.abort(new Error("enough"));
  await assert.rejects(connecting, /^Error: enough$/);
  assert.equal(signal.aborted, true);
});

test("the question ends when the server has no more patience, and a late yes writes nothing", async () => {
  await using impatient = await startSshd({ config: ["LoginGraceTime 1"] });
  const path = nowhere();
  const person = somebody({ is: "never" });
  const target = targetFor(impatient, { knownHosts: [path] });
  const connecting = connectTo(target, newStory(), never(), person);
  await assert.rejects(within(connecting, "the server's end of it"), { trouble: "network" });
  assert.equal((await person.questioned).aborted, true);
  assert.equal(existsSync(path), false);
});

test("a person is asked once, however often the keys are renewed", async () => {
  await using rekeying = await startSshd({ config: ["RekeyLimit 64K", "LogLevel DEBUG1"] });
  const person = somebody("yes");
  const connection = await connectTo(
    targetFor(rekeying, { knownHosts: [nowhere()] }),
    newStory(),
    never(),
    person,
  );
  const command = await connection.exec("head -c 1000000 /dev/zero", { signal: never() });
  let length = 0;
  command.stdout.on("data", (chunk: Buffer) => {
    length += chunk.length;
  });
  command.stderr.resume();
  assert.deepEqual(await command.ended, { kind: "status", status: 0 });
  assert.equal(length, 1_000_000);
  assert.equal(person.asked.length, 1);
  assert.ok((rekeying.log().match(/SSH2_MSG_KEXINIT received/g)?.length ?? 0) > 5);
  connection.end();
});
