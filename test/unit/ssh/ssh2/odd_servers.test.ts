import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { describe, test } from "node:test";
import { promisify } from "node:util";
import type { Connection, ServerChannel } from "ssh2";
import { program } from "../../../peers/programs.ts";
import { recentSshd } from "../../../peers/recent_sshd.ts";
import {
  type Mischief,
  type Servant,
  startServant,
  type Wires,
  wireString,
} from "../../../program/hostile/servant.ts";
import { connectTo, targetFor } from "../fixtures.ts";

/*
 * What servers do that no sshd does, and RFC 4250 to 4254, 8308 or OpenSSH's PROTOCOL allow: each is survived where ssh(1)
 * survives it. What they send beyond the bounds of a number is in numbers.test.ts, and their version lines in version_line.test.ts.
 */

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function message(type: number, ...parts: readonly (Buffer | number | string)[]): Buffer {
  const bytes = parts.map((one) =>
    typeof one === "number" ? u32(one) : typeof one === "string" ? wireString(one) : one,
  );
  return Buffer.concat([Buffer.from([type]), ...bytes]);
}

const [NO, YES] = [Buffer.from([0]), Buffer.from([1])];
const DISCONNECT = (text: Buffer | string) => message(1, 11, wireString(text), "");
const IGNORE = message(2, "x".repeat(100));
const DEBUG = message(4, YES, "a debug\nline", "");
const UNIMPLEMENTED = message(3, 3);
const EXT_INFO = message(
  7,
  2,
  "server-sig-algs",
  "ssh-ed25519,rsa-sha2-256",
  "x@y",
  Buffer.from([0, 0, 0, 0]),
);
const BANNER = message(53, "a banner\r\nof two lines\r\n", "en");
const KEEPALIVE = message(80, "keepalive@openssh.com", YES);
const HOST_KEYS = message(
  80,
  "hostkeys-00@openssh.com",
  NO,
  wireString(message(0, "ssh-ed25519").subarray(1)),
);
const UNKNOWN_REQUEST = message(80, "nobody@knows", NO, Buffer.from("what is behind it"));
const PING = message(192, "data");
const OPEN = (type: string) => message(90, type, 9, 0x200000, 0x8000);
/** About the first channel of a client. */
const ADJUST = message(93, 0, 1000);
const CHANNEL_REQUEST = (name: string, wants: Buffer) => message(98, 0, name, wants);
const EXTENDED_DATA = (type: number) => message(95, 0, type, "extended\n");

/** When a server says something of its own. */
type Moment =
  | "before the login"
  | "before its answers to the login"
  | "after the login"
  | "before the channel"
  | "in the session";

function saying(payloads: readonly Buffer[], when: Moment): Mischief {
  const send = (wires: Wires) => {
    for (const payload of payloads) wires.sendPayload(payload);
  };
  const before = (type: number) => ({
    recognised: (_client: Connection, wires: Wires) => {
      let isDone = false;
      wires.changePackets((payload) => {
        if (payload[0] !== type || isDone) return undefined;
        isDone = true;
        send(wires);
        return undefined;
      });
    },
  });
  switch (when) {
    case "before the login":
      return { recognised: (_client, wires) => send(wires) };
    case "before its answers to the login":
      return before(52);
    case "after the login":
      return { recognised: (client, wires) => void client.on("ready", () => send(wires)) };
    case "before the channel":
      return before(91);
    case "in the session":
      return greeting((_channel, wires) => send(wires));
  }
}

const MOMENTS: readonly Moment[] = [
  "before the login",
  "before its answers to the login",
  "after the login",
  "before the channel",
  "in the session",
];

/** A session that does something before it greets. */
function greeting(work: (channel: ServerChannel, wires: Wires) => void | Promise<void>): Mischief {
  return {
    session: (session, wires) =>
      session.on("exec", (accept) => {
        const channel = accept();
        channel.on("error", () => {});
        void Promise.resolve(work(channel, wires)).then(() => {
          channel.write("* PREAUTH ready\r\n");
          channel.exit(0);
          channel.end();
        });
      }),
  };
}

interface Insides {
  readonly _protocol: { _kexinit: Buffer; _strictMode: boolean | undefined; _hasGuessed?: boolean };
  readonly _callbacks: ((failed: boolean) => void)[];
}
const insides = (client: unknown) => client as Insides;

/** Changes SSH_MSG_KEXINIT, and says something behind it. */
function offering(change: (payload: Buffer) => void, ...behind: readonly Buffer[]): Mischief {
  return {
    accepted: (client, wires) =>
      wires.changePackets((payload) => {
        if (payload[0] !== 20) return undefined;
        change(payload);
        insides(client)._protocol._kexinit = payload;
        setImmediate(() => {
          for (const one of behind) wires.sendPayload(one);
        });
        return payload;
      }),
  };
}

/** SSH_MSG_KEXINIT: that a packet follows which was guessed. */
const guesses = (payload: Buffer): void => {
  payload[payload.length - 5] = 1;
};
/** A packet of a key exchange with nothing in it. */
const GUESS = message(31, "guess", "guess", "guess");

/** What ssh bears at that time: before the login all else ends its connection, as does a banner before the service is asked for. */
function saidAt(when: Moment): readonly Buffer[] {
  const always = [IGNORE, DEBUG, UNIMPLEMENTED];
  if (when === "before the login") return [...always, EXT_INFO, EXT_INFO];
  if (when === "before its answers to the login") return [...always, BANNER, BANNER];
  const requests = [HOST_KEYS, KEEPALIVE, UNKNOWN_REQUEST, PING, message(150, "x")];
  const opened = [OPEN("auth-agent@openssh.com"), OPEN("nobody@knows")];
  return [...always, EXT_INFO, BANNER, ...requests, ...opened, ADJUST, message(81), message(82)];
}

const CASES: Readonly<Record<string, Mischief>> = {
  "says nothing of its own": {},
  ...Object.fromEntries(
    MOMENTS.map((when) => [`says what nobody has asked for ${when}`, saying(saidAt(when), when)]),
  ),
  "guesses a method that it has not": offering(guesses, GUESS),
  "guesses the only method that it has, and the client another first": {
    ...offering(guesses, GUESS),
    config: { algorithms: { kex: ["ecdh-sha2-nistp256"] } },
  },
  "sends a packet of an exchange that nobody has begun": offering(() => {}, GUESS),
  "says that it guesses, and sends nothing": offering(guesses),
  "exchanges keys at once after the login": {
    recognised: (client) => void client.on("ready", () => client.rekey()),
  },
  "exchanges keys in the middle of the greeting": {
    session: (session, wires) =>
      session.on("exec", (accept) => {
        const channel = accept();
        channel.write("* PRE");
        const { rekey } = session as unknown as { rekey?: () => void };
        rekey?.();
        wires.sendPayload(IGNORE);
        channel.write("AUTH ready\r\n");
        channel.exit(0);
        channel.end();
      }),
  },
  "waits for the answer to a keepalive of the channel": greeting(async (channel, wires) => {
    await new Promise<void>((resolve) => {
      insides(channel)._callbacks.push(() => resolve());
      wires.sendPayload(CHANNEL_REQUEST("keepalive@openssh.com", YES));
    });
  }),
  "asks for things of the channel that nobody knows": greeting((_channel, wires) => {
    wires.sendPayload(CHANNEL_REQUEST("nobody@knows", NO));
    wires.sendPayload(CHANNEL_REQUEST("eow@openssh.com", NO));
    wires.sendPayload(Buffer.concat([CHANNEL_REQUEST("xon-xoff", NO), YES]));
  }),
  "says something on a stream that there is not": greeting((_channel, wires) => {
    wires.sendPayload(EXTENDED_DATA(2));
  }),
  "ends its service's name": {
    recognised: (_client, wires) =>
      wires.changePackets((payload) => (payload[0] === 6 ? message(6) : undefined)),
  },
  "accepts another service": {
    recognised: (_client, wires) =>
      wires.changePackets((payload) => (payload[0] === 6 ? message(6, "ssh-connection") : undefined)),
  },
  "opens a channel late": {
    recognised: (_client, wires) => {
      let isHeld = false;
      wires.changePackets((payload) => {
        if (payload[0] !== 91 || isHeld) return undefined;
        isHeld = true;
        setTimeout(() => wires.sendPayload(payload), 1500);
        return IGNORE;
      });
    },
    session: (session) =>
      session.on("exec", (accept) => {
        const channel = accept();
        channel.write("* PREAUTH ready\r\n");
        channel.exit(0);
        channel.end();
      }),
  },
  "takes leave after the login, in bytes that are no text": {
    recognised: (client, wires) =>
      void client.on("ready", () => wires.sendPayload(DISCONNECT(Buffer.from("\xff\xfe\x80", "latin1")))),
  },
  "closes after the login": {
    recognised: (client, wires) => void client.on("ready", () => setImmediate(() => wires.socket.destroy())),
  },
  "takes RSA signatures alone": saying(
    [message(7, 1, "server-sig-algs", "rsa-sha2-512")],
    "before the login",
  ),
  "takes no signatures": saying([message(7, 1, "server-sig-algs", "")], "before the login"),
  "says nothing of signatures": saying([message(7, 0)], "before the login"),
  "asks for the proof of another key": {
    recognised: (_client, wires) =>
      wires.changePackets((payload) =>
        payload[0] === 60 ? message(60, "ssh-ed25519", wireString(message(0, "x").subarray(1))) : undefined,
      ),
  },
  "asks for a proof in another algorithm": {
    recognised: (_client, wires) =>
      wires.changePackets((payload) =>
        payload[0] === 60
          ? Buffer.concat([message(60, "ssh-rsa"), payload.subarray(1 + 4 + "ssh-ed25519".length)])
          : undefined,
      ),
  },
  "tells its status before all else": greeting((_channel, wires) => {
    wires.sendPayload(Buffer.concat([CHANNEL_REQUEST("exit-status", NO), u32(0)]));
  }),
  "tells its status twice": greeting((_channel, wires) => {
    for (const status of [0, 3])
      wires.sendPayload(Buffer.concat([CHANNEL_REQUEST("exit-status", NO), u32(status)]));
  }),
  "says something behind its end": greeting((_channel, wires) => {
    wires.sendPayload(message(96, 0));
  }),
  "takes leave behind its greeting": {
    session: (session, wires) =>
      session.on("exec", (accept) => {
        const channel = accept();
        channel.write("* PREAUTH ready\r\n");
        wires.sendPayload(DISCONNECT("that was all"));
      }),
  },
  "refuses the command, and runs it all the same": {
    session: (session, wires) =>
      session.on("exec", (_accept, reject) => {
        reject();
        wires.sendPayload(message(94, 0, "* PREAUTH ready\r\n"));
        wires.sendPayload(message(97, 0));
      }),
  },
  "ends without a status": {
    session: (session) =>
      session.on("exec", (accept) => {
        const channel = accept();
        channel.write("* PREAUTH ready\r\n");
        channel.end();
      }),
  },
  "closes without an end": {
    session: (session) =>
      session.on("exec", (accept) => {
        const channel = accept();
        channel.write("* PREAUTH ready\r\n");
        channel.exit(0);
        channel.close();
      }),
  },
};

async function isTakenBySsh(ssh: string, servant: Servant): Promise<boolean> {
  const options = [
    ...[`UserKnownHostsFile=${servant.knownHosts}`, `IdentityFile=${servant.identity}`, "IdentityAgent=none"],
    ...["BatchMode=yes", "ConnectTimeout=5", "ServerAliveInterval=3", "ServerAliveCountMax=1"],
  ];
  const words = ["-F", "none", ...options.flatMap((one) => ["-o", one]), "-p", String(servant.port)];
  const ran = promisify(execFile)(ssh, [...words, "jane@127.0.0.1", "x"], {
    timeout: 8000,
    killSignal: "SIGKILL",
  });
  const { stdout } = await ran.catch(({ stdout }: { stdout: string }) => ({ stdout }));
  return stdout.includes("PREAUTH");
}

async function isTakenByUs(servant: Servant): Promise<boolean> {
  let text = "";
  try {
    const connection = await connectTo(targetFor(servant));
    const command = await connection.exec("x", { signal: AbortSignal.timeout(8000) });
    command.stderr.resume();
    command.stdin.on("error", () => {});
    for await (const chunk of command.stdout) {
      text += chunk;
      if (text.includes("PREAUTH")) break;
    }
    connection.end();
    await connection.closed;
  } catch {
    // What was heard counts.
  }
  return text.includes("PREAUTH");
}

const recent = recentSshd()?.path.replace(/sbin\/sshd$/, "bin/ssh") ?? "";
const programs = [program("ssh"), ...(existsSync(recent) ? [recent] : [])];

describe("a server that", { concurrency: 3 }, () => {
  for (const [title, mischief] of Object.entries(CASES)) {
    test(`${title} is borne as by ssh`, async () => {
      await using servant = await startServant(mischief);
      const theirs = await Promise.all(programs.map((ssh) => isTakenBySsh(ssh, servant)));
      const ours = await isTakenByUs(servant);
      if (theirs.includes(true)) assert.ok(ours, "ssh bears it");
    });
  }
});
