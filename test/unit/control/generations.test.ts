import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, fork } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { type Claim, claim, claimBeside, release } from "../../../src/control/generations.ts";
import { newest } from "../../../src/control/socket_names.ts";
import type { SocketPlace } from "../../../src/control/socket_place.ts";
import { program } from "../../peers/programs.ts";
import { skipUnlessRoot } from "../../peers/rights.ts";
import { makeTemporary, removeTemporary } from "../../peers/temporary.ts";
import { within } from "../../peers/waiting.ts";
import type { Order, Outcome } from "./claimer.ts";

const CLAIMER = fileURLToPath(new URL("claimer.ts", import.meta.url));

/** Processes that claim at the same time. */
const MANY = 12;

/** A directory for control sockets, and servers that are closed with it. */
class Ground implements SocketPlace, Disposable {
  readonly directory = makeTemporary();
  readonly prefix = "m";
  readonly #servers: Server[] = [];

  path(name: string): string {
    return join(this.directory, name);
  }

  names(): string[] {
    return readdirSync(this.directory).sort();
  }

  claim(token = String(this.#servers.length)): Promise<Claim> {
    const server = createServer((socket) => socket.on("error", () => {}).end(`${token}\n`));
    this.#servers.push(server);
    return claim(this, server, token);
  }

  claimBeside(pid: number): Promise<Claim> {
    const server = createServer();
    this.#servers.push(server);
    return claimBeside(this, server, pid);
  }

  /** Leaves a socket behind that nobody listens on. */
  async stale(number: number): Promise<void> {
    const server = createServer();
    server.listen(this.path("draft"));
    await once(server, "listening");
    execFileSync("ln", [this.path("draft"), this.path(`m.${number}`)]);
    server.close();
    await once(server, "close");
  }

  [Symbol.dispose](): void {
    for (const server of this.#servers) server.close();
    removeTemporary(this.directory);
  }
}

/** What the one who listens there says first. */
async function whoListens(path: string): Promise<string> {
  const socket = connect(path);
  const [said] = await once(socket, "data");
  socket.destroy();
  return String(said).trim();
}

function pathOf(claimed: Claim): string {
  return claimed.kind === "own" ? claimed.generation.path : "";
}

describe("a claim", () => {
  it("makes the first one the master, under a name of mode 0600, and leaves no other", async () => {
    using ground = new Ground();
    assert.equal(pathOf(await ground.claim()), ground.path("m.1"));
    assert.deepEqual(ground.names(), ["m.1"]);
    assert.equal(execFileSync("stat", ["-c", "%a", ground.path("m.1")], { encoding: "utf8" }), "600\n");
  });

  it("is in vain while the master lives", async () => {
    using ground = new Ground();
    await ground.claim("first");
    assert.deepEqual(await ground.claim("second"), { kind: "taken" });
    assert.deepEqual(ground.names(), ["m.1"]);
    assert.equal(await whoListens(ground.path("m.1")), "first");
  });

  it("goes over stale names, whatever their numbers, and removes them", async () => {
    using ground = new Ground();
    for (const number of [2, 9, 10]) await ground.stale(number);
    assert.equal(pathOf(await ground.claim()), ground.path("m.11"));
    assert.deepEqual(ground.names(), ["m.11"]);
  });

  it("beside others has the number of its process, and removes those that have died", async () => {
    using ground = new Ground();
    for (const number of [7, 4711]) await ground.stale(number);
    assert.equal(pathOf(await ground.claimBeside(23)), ground.path("m.23"));
    assert.equal(pathOf(await ground.claimBeside(7)), ground.path("m.7"));
    assert.deepEqual(ground.names(), ["m.23", "m.7"]);
    assert.deepEqual(await ground.claimBeside(23), { kind: "taken" });
  });

  it("leaves names alone that are not ours, and is not held up by them", async () => {
    using ground = new Ground();
    const strange = [
      "m",
      "m.",
      "m.0",
      "m.007",
      "m.-1",
      "m.1e3",
      "m.new-7",
      "n.5",
      "xm.6",
      "m.12x",
      "m.9999999999999999",
    ];
    for (const name of strange) writeFileSync(ground.path(name), "");
    assert.equal(pathOf(await ground.claim()), ground.path("m.1"));
    assert.deepEqual(ground.names(), [...strange, "m.1"].sort());
  });

  it("goes over a file and a directory that have a number", async () => {
    using ground = new Ground();
    writeFileSync(ground.path("m.3"), "");
    mkdirSync(ground.path("m.4"));
    assert.equal(pathOf(await ground.claim()), ground.path("m.5"));
    assert.deepEqual(ground.names(), ["m.4", "m.5"]);
  });

  it("is in vain beside a master whose name stands under a lower number than its own", async () => {
    using ground = new Ground();
    await ground.claim("first");
    // As though it had looked when the names were others: a stale m.5 makes it choose m.6.
    await ground.stale(5);
    assert.deepEqual(await ground.claim("second"), { kind: "taken" });
    assert.equal(await whoListens(ground.path("m.1")), "first");
    assert.equal(existsSync(ground.path("m.6")), false);
  });

  it("is a failure, and no name is removed, when the directory cannot be written", {
    skip: skipUnlessRoot,
  }, async () => {
    using ground = new Ground();
    await ground.stale(1);
    const script = `
      import { createServer } from "node:net";
      import { claim } from ${JSON.stringify(fileURLToPath(new URL("../../../src/control/generations.ts", import.meta.url)))};
      const place = { directory: ${JSON.stringify(ground.directory)}, prefix: "m" };
      claim(place, createServer(), "7").then((it) => console.log(it.kind), (error) => console.log(error.code)).then(() => process.exit());
    `;
    execFileSync("chmod", ["0755", ground.directory]);
    const words = ["--reuid=12345", "--regid=12345", "--clear-groups", process.execPath];
    const said = execFileSync(
      program("setpriv"),
      [...words, "--import", "tsx", "--input-type=module", "-e", script],
      {
        encoding: "utf8",
        env: { PATH: process.env.PATH },
      },
    );
    assert.equal(said, "EACCES\n");
    assert.deepEqual(ground.names(), ["m.1"]);
  });
});

describe("a master's name", () => {
  it("is taken away by its owner", async () => {
    using ground = new Ground();
    const claimed = await ground.claim();
    if (claimed.kind === "own") release(claimed.generation);
    assert.deepEqual(ground.names(), []);
    assert.equal(newest(ground), undefined);
  });

  it("is not taken away when it has become another one's", async () => {
    using ground = new Ground();
    const first = await ground.claim("first");
    execFileSync("rm", [ground.path("m.1")]);
    assert.equal(pathOf(await ground.claim("second")), ground.path("m.1"));
    if (first.kind === "own") release(first.generation);
    assert.equal(await whoListens(ground.path("m.1")), "second");
  });
});

describe("claims of many processes at once", () => {
  const claimers: ChildProcess[] = [];

  before(async () => {
    for (let count = 0; count < MANY; count++) {
      claimers.push(
        fork(CLAIMER, { execArgv: ["--import", "tsx"], stdio: ["ignore", "inherit", "inherit", "ipc"] }),
      );
    }
    await Promise.all(claimers.map((claimer) => tell(claimer, { end: true })));
  });

  after(() => {
    for (const claimer of claimers) claimer.kill("SIGKILL");
  });

  async function tell(claimer: ChildProcess, order: Order): Promise<Outcome> {
    const answer = once(claimer, "message");
    claimer.send(order);
    const [outcome] = await within(answer, "the answer of a process that claims");
    return outcome as Outcome;
  }

  function all(order: Order, some: readonly ChildProcess[] = claimers): Promise<Outcome[]> {
    return Promise.all(some.map((claimer) => tell(claimer, order)));
  }

  /** The only one of them that has become the master, which is also the one that callers find. */
  async function onlyMaster(place: SocketPlace, outcomes: readonly Outcome[]): Promise<ChildProcess> {
    const masters = claimers.filter((_claimer, index) => outcomes[index]?.path);
    assert.equal(masters.length, 1, JSON.stringify(outcomes));
    const found = newest(place);
    assert.equal(await whoListens(found?.path ?? ""), String(masters[0]?.pid));
    assert.deepEqual(readdirSync(place.directory), [found?.path.slice(place.directory.length + 1)]);
    return masters[0] as ChildProcess;
  }

  it("make one master, from nothing", async () => {
    for (let round = 0; round < 20; round++) {
      using ground = new Ground();
      await onlyMaster(ground, await all({ claim: ground.directory }));
      await all({ die: true });
    }
  });

  it("make one master, on the stale socket of one that has crashed", async () => {
    using ground = new Ground();
    for (let round = 0; round < 20; round++) {
      await onlyMaster(ground, await all({ claim: ground.directory }));
      await all({ die: true });
    }
    assert.deepEqual(ground.names(), ["m.20"]);
  });

  it("make at most one master while another one ends, and each time that nobody was left one", async () => {
    using ground = new Ground();
    for (let round = 0; round < 20; round++) {
      const master = await onlyMaster(ground, await all({ claim: ground.directory }));
      const others = claimers.filter((claimer) => claimer !== master);
      const [outcomes] = await Promise.all([
        all({ claim: ground.directory }, others),
        tell(master, round % 2 === 0 ? { end: true } : { die: true }),
      ]);
      const made = outcomes.filter(({ path }) => path !== "");
      assert.equal(made.length <= 1, true, JSON.stringify(outcomes));
      const found = newest(ground)?.path;
      assert.equal(found === undefined || round % 2 === 1 || found === made[0]?.path, true, String(found));
      await all({ end: true }, others);
    }
  });
});
