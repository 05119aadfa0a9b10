import type { Client, ClientCallback, ClientChannel } from "ssh2";
import { wire } from "../keys/blob.ts";
import { ReceiveWindow } from "./receive_window.ts";

/*
 * All use of what ssh2 keeps to itself. It is bound to the pinned version: where the shape is another, nothing is
 * touched, and the public way is left, which has no certificates and no security keys.
 */

/** A public key to be offered. */
export interface Offer {
  /** The name in the request, which need not be the key's type: "rsa-sha2-512". */
  readonly algorithm: string;
  readonly blob: Buffer;
  /** The host key that is signed along (PROTOCOL of OpenSSH, 3.1); undefined for the plain method. */
  readonly boundTo?: Buffer | undefined;
}

/** What is known of a session once its first key exchange is over: an agent can check it (PROTOCOL.agent, section 1). */
export interface Session {
  /** The server's key or certificate, as it was shown. */
  readonly hostKey: Buffer;
  readonly id: Buffer;
  /** The server's, of the id. */
  readonly signature: Buffer;
}

/** Of the extensions of RFC 8308 those that matter here. */
export interface Extensions {
  /** server-sig-algs; undefined where the server does not say. */
  readonly signatures: readonly string[] | undefined;
  /** Whether it knows the method that signs the host key along. */
  readonly isHostBound: boolean;
}

/** What is wanted to be known of a login. */
export interface LoginTaps {
  /** The key that ssh2 is to offer or to prove now, in place of the one that it was given. */
  readonly offer: () => Offer | undefined;
  /** The server has refused a method, or wants another one after it; told before ssh2 goes on. */
  readonly onFailure: (methods: readonly string[], partial: boolean) => void;
  /** What the server says that it takes: RFC 8308. */
  readonly onExtensions: (extensions: Extensions) => void;
  /** A keyboard-interactive request without prompts, which ssh2 answers by itself. */
  readonly onInstruction: (name: string, instruction: string) => void;
  /** The host key has been judged and proven, and all is encrypted from here on: whoever is told sends what is next. */
  readonly onStart: (departure: Departure) => void;
}

/** The proof of a key: `signature` is of what toSign() gives. */
export interface Proof {
  readonly user: string;
  readonly offer: Offer;
  readonly signature: Buffer;
}

/** A command, and who is told as by ssh2's exec(). */
export interface EarlyCommand {
  readonly line: string;
  readonly done: ClientCallback;
}

/** The ways in which a login can begin. */
export interface Departure {
  readonly session: Session;
  /** What is signed to prove a key: RFC 4252 section 7. */
  toSign(user: string, offer: Offer): Buffer;
  /** Asks for the service of RFC 4252, and does no more before the answer. */
  plainly(): void;
  /**
   * Sends all at once that would be sent one after the other's answer: service, proof and, with a command, session and
   * command, this one to the channel that servers call 0. When ssh2 then asks for a method it is to be given "none",
   * which is not sent.
   */
  early(proof: Proof, command: EarlyCommand | undefined): void;
}

type Sign = (data: Buffer, done: (signature: Buffer) => void) => void;
type Handler = (protocol: unknown, ...args: unknown[]) => void;

/** lib/protocol/Protocol.js of ssh2 1.17.0. */
interface Protocol {
  authPK: (user: string, key: unknown, algorithm?: string | Sign, sign?: Sign) => void;
  authNone: (user: string) => void;
  service: (name: string) => void;
  exec: (channel: number, line: string | Ahead, wantsReply: boolean) => void;
  readonly _authsQueue: string[];
  readonly _handlers: Record<string, Handler>;
  readonly _packetRW: {
    readonly write: {
      readonly allocStart: number;
      alloc(size: number): Buffer;
      finalize(packet: Buffer): Buffer;
    };
  };
  readonly _kex: { readonly sessionID: Buffer; readonly _sig: Buffer };
  _hostVerifier: ((key: Buffer, answer: (trusted: boolean) => void) => boolean | undefined) | undefined;
  /** The server's version line, RFC 4253 section 4.2. */
  readonly _remoteIdentRaw: Buffer;
  readonly _cipher: { encrypt(packet: Buffer): void };
  /** Set while keys are exchanged; payloads to be sent then wait in _queue. */
  readonly _kexinit: unknown;
  _queue: Buffer[] | undefined;
}

/** Follows a login, right after connect(). False when this ssh2 is not the one that is known. */
export function tapLogin(client: Client, taps: LoginTaps): boolean {
  const protocol: unknown = Reflect.get(client, "_protocol");
  if (!isKnown(protocol)) return false;
  before(protocol, "USERAUTH_FAILURE", (methods, partial) => {
    taps.onFailure(Array.isArray(methods) ? methods.map(String) : [], partial === true);
  });
  before(protocol, "EXT_INFO", (extensions) => {
    if (Array.isArray(extensions)) taps.onExtensions(read(extensions, String(protocol._remoteIdentRaw)));
  });
  before(protocol, "USERAUTH_INFO_REQUEST", (name, instruction, prompts) => {
    if (Array.isArray(prompts) && prompts.length === 0) taps.onInstruction(String(name), String(instruction));
  });
  const plain = protocol.authPK.bind(protocol);
  protocol.authPK = (user, key, algorithm, sign) => {
    const offer = taps.offer();
    if (offer === undefined) plain(user, key, algorithm, sign);
    else if (sign === undefined) sendLogin(protocol, request(user, offer, QUESTION));
    else sign(toSign(protocol, user, offer), (signature) => sendProof(protocol, { user, offer, signature }));
  };
  ignoreHostKeys(protocol);
  letStart(client, protocol, taps.onStart);
  tapped.add(client);
  return true;
}

/** Clients whose exec() takes an Ahead. */
const tapped = new WeakSet<Client>();

/** Stands for a command that is not known yet: ssh2 opens a session for it, and hands it on when it is open. */
class Ahead {
  #send: ((line: string) => void) | undefined;
  #line: string | undefined;

  opened(send: (line: string) => void): void {
    this.#send = send;
    if (this.#line !== undefined) send(this.#line);
  }

  start(line: string): void {
    this.#line = line;
    this.#send?.(line);
  }
}

/**
 * Opens a session for a command that is to come: `done` is called as by ssh2's exec(), after the command has been started
 * or when there is no session for it. Gives what starts the command; undefined, and nothing is opened, when this ssh2 is
 * not the one that is known.
 */
export function openAhead(client: Client, done: ClientCallback): ((line: string) => void) | undefined {
  if (!tapped.has(client)) return undefined;
  const ahead = new Ahead();
  client.exec(ahead as unknown as string, done);
  return (line) => ahead.start(line);
}

/** What the server calls its first channel: counted from 0 in sshd and dropbear. */
const FIRST_CHANNEL = 0;

/** Holds the request that begins a login, until it is known what leaves together with it. */
function letStart(client: Client, protocol: Protocol, onStart: LoginTaps["onStart"]): void {
  const plain = {
    service: protocol.service.bind(protocol),
    authNone: protocol.authNone.bind(protocol),
    exec: protocol.exec.bind(protocol),
  };
  // What has left already, and is kept back once when ssh2's turn to send it has come.
  const sent = { login: false, exec: false };
  const early = (proof: Proof, command: EarlyCommand | undefined): void => {
    sent.login = true;
    plain.service("ssh-userauth");
    sendProof(protocol, proof);
    if (command === undefined) return;
    sent.exec = true;
    client.exec(command.line, command.done);
    plain.exec(FIRST_CHANNEL, command.line, true);
  };
  protocol.authNone = (user) => {
    if (!sent.login) plain.authNone(user);
    sent.login = false;
  };
  protocol.exec = (channel, line, wantsReply) => {
    if (line instanceof Ahead) {
      line.opened((text) => plain.exec(channel, text, wantsReply));
      return;
    }
    const isThere = sent.exec && channel === FIRST_CHANNEL;
    sent.exec = false;
    if (!isThere) plain.exec(channel, line, wantsReply);
  };
  for (const name of ["USERAUTH_FAILURE", "CHANNEL_OPEN_FAILURE"]) {
    before(protocol, name, () => {
      sent.exec = false;
    });
  }
  const session = sessionOf(protocol);
  protocol.service = (name) =>
    onStart({
      session: session(),
      toSign: (user, offer) => toSign(protocol, user, offer),
      plainly: () => plain.service(name),
      early,
    });
}

/** What there is to be known of the session when its first keys have been exchanged; ssh2 then forgets it. */
function sessionOf(protocol: Protocol): () => Session {
  let shown = { hostKey: Buffer.alloc(0), signature: Buffer.alloc(0) };
  const verify = protocol._hostVerifier;
  protocol._hostVerifier =
    verify &&
    ((hostKey, answer) => {
      if (shown.hostKey.length === 0) {
        shown = { hostKey: Buffer.from(hostKey), signature: Buffer.from(protocol._kex._sig) };
      }
      return verify(hostKey, answer);
    });
  return () => ({ ...shown, id: protocol._kex.sessionID });
}

/**
 * A server offers more of its host keys after a login (PROTOCOL of OpenSSH, 2.5); ssh2 has it prove them, which takes
 * its time. Nobody here asks for them.
 */
function ignoreHostKeys({ _handlers }: Protocol): void {
  const own = _handlers.GLOBAL_REQUEST;
  _handlers.GLOBAL_REQUEST = (protocol, name, wantsReply, ...rest) => {
    if (name !== "hostkeys-00@openssh.com" || wantsReply === true) own?.(protocol, name, wantsReply, ...rest);
  };
}

const QUESTION = 0;
const PROOF = 1;

/**
 * SSH_MSG_USERAUTH_REQUEST for "publickey", RFC 4252 section 7: the question, or the proof without its signature. A proof
 * that names the host key is of another method.
 */
function request(
  user: string,
  { algorithm, blob, boundTo }: Offer,
  kind: typeof QUESTION | typeof PROOF,
): Buffer {
  const isBound = boundTo !== undefined && kind === PROOF;
  return Buffer.concat([
    Buffer.from([50]),
    wire(user, "ssh-connection", isBound ? "publickey-hostbound-v00@openssh.com" : "publickey"),
    Buffer.from([kind]),
    wire(algorithm, blob, ...(isBound ? [boundTo] : [])),
  ]);
}

function toSign({ _kex }: Protocol, user: string, offer: Offer): Buffer {
  return Buffer.concat([wire(_kex.sessionID), request(user, offer, PROOF)]);
}

function sendProof(protocol: Protocol, { user, offer, signature }: Proof): void {
  sendLogin(protocol, Buffer.concat([request(user, offer, PROOF), wire(signature)]));
}

function sendLogin(protocol: Protocol, payload: Buffer): void {
  protocol._authsQueue.push("publickey");
  if (protocol._kexinit !== undefined) {
    protocol._queue ??= [];
    protocol._queue.push(payload);
    return;
  }
  // Asked for anew each time: compression replaces it.
  const { write } = protocol._packetRW;
  const packet = write.alloc(payload.length);
  packet.set(payload, write.allocStart);
  protocol._cipher.encrypt(write.finalize(packet));
}

function before({ _handlers }: Protocol, name: string, listener: (...args: unknown[]) => void): void {
  const own = _handlers[name];
  _handlers[name] = (protocol, ...args) => {
    listener(...args);
    own?.(protocol, ...args);
  };
}

/** An extension as ssh2 gives it, each with what it has. */
interface Extension {
  readonly name: string;
  readonly algs?: readonly string[];
  readonly version?: string;
}

function read(extensions: readonly Extension[], version: string): Extensions {
  const named = (name: string) => extensions.find((one) => one.name === name);
  const found = named("server-sig-algs")?.algs;
  // This release takes them, and leaves them out of its list (SSH_BUG_SIGTYPE74 of OpenSSH's compat.c).
  const unsaid = version.startsWith("SSH-2.0-OpenSSH_7.4") ? ["rsa-sha2-512", "rsa-sha2-256"] : [];
  return {
    signatures: found && [...found, ...unsaid],
    isHostBound: named("publickey-hostbound@openssh.com")?.version === "0",
  };
}

function isKnown(protocol: unknown): protocol is Protocol {
  const at = (...path: readonly string[]) => valueAt(protocol, path);
  const functions = [
    at("authPK"),
    at("authNone"),
    at("service"),
    at("exec"),
    at("_packetRW", "write", "alloc"),
    at("_packetRW", "write", "finalize"),
    at("_cipher", "encrypt"),
    at("_handlers", "USERAUTH_FAILURE"),
    at("_handlers", "EXT_INFO"),
    at("_handlers", "USERAUTH_INFO_REQUEST"),
    at("_handlers", "CHANNEL_OPEN_FAILURE"),
    at("_handlers", "GLOBAL_REQUEST"),
  ];
  return (
    functions.every((one) => typeof one === "function") &&
    typeof at("_packetRW", "write", "allocStart") === "number" &&
    Array.isArray(at("_authsQueue"))
  );
}

function valueAt(root: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((value, key) => (isObject(value) ? Reflect.get(value, key) : undefined), root);
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

/**
 * Asks the server for a sign of life: a global request that it must answer, were it only to refuse it (RFC 4254
 * section 4; keepalive@openssh.com). `onAnswer` is called with the answer, if one comes. False, and nothing is asked,
 * when this ssh2 is not the one that is known.
 */
export function ping(client: Client, onAnswer: () => void): boolean {
  const answers: unknown = Reflect.get(client, "_callbacks");
  const protocol: unknown = Reflect.get(client, "_protocol");
  const ask: unknown = isObject(protocol) ? Reflect.get(protocol, "ping") : undefined;
  if (!Array.isArray(answers) || typeof ask !== "function") return false;
  // Answers come in the order of the requests.
  answers.push(onAnswer);
  Reflect.apply(ask, protocol, []);
  return true;
}

/** lib/Channel.js of ssh2 1.17.0. */
interface Channel extends ClientChannel {
  readonly incoming: { window: number };
  readonly outgoing: { readonly id: number; readonly state: "open" | "eof" | "closing" | "closed" };
  readonly _client: {
    readonly _protocol: { channelWindowAdjust(id: number, bytes: number): void };
  };
}

/**
 * Lets the server send further ahead while the channel's output is read, by a ReceiveWindow; to be called before anybody
 * reads it. False when this ssh2 is not the one that is known: ssh2 alone lets it be 2 MiB ahead at most, and after half of
 * them often none.
 */
export function widenWindow(channel: ClientChannel): boolean {
  if (!isWidenable(channel)) return false;
  const { incoming, outgoing } = channel;
  const window = new ReceiveWindow();
  const look = ({ length }: Buffer): void => {
    if (outgoing.state !== "open" && outgoing.state !== "eof") return;
    const unread = channel.readableLength + channel.stderr.readableLength;
    const more = window.read(length, { unread, credit: incoming.window }, performance.now());
    if (more === 0) return;
    incoming.window += more;
    channel._client._protocol.channelWindowAdjust(outgoing.id, more);
  };
  // Not before there is a reader: it would make the channel flow.
  const begin = (event: string | symbol): void => {
    if (event !== "data") return;
    channel.off("newListener", begin);
    channel.on("data", look);
  };
  channel.on("newListener", begin);
  return true;
}

function isWidenable(channel: ClientChannel): channel is Channel {
  const at = (...path: readonly string[]) => valueAt(channel, path);
  return (
    typeof at("incoming", "window") === "number" &&
    typeof at("outgoing", "id") === "number" &&
    typeof at("outgoing", "state") === "string" &&
    typeof at("_client", "_protocol", "channelWindowAdjust") === "function"
  );
}
