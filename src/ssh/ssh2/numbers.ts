/** What becomes of a number, a length or a count that lies beyond its bounds. */
type Beyond =
  /** The connection ends, and the reason says why. */
  | "end"
  /** It is taken as the nearest bound. */
  | "bound"
  /** What it stands in is passed over. */
  | "ignore"
  /** There is none: every number that fits its field is taken. */
  | "none";

/** What a server may send of one number. */
export interface Bound {
  /** The message and its field. */
  readonly of: string;
  readonly source: string;
  readonly least: number;
  readonly greatest: number;
  readonly beyond: Beyond;
}

const KIB = 1024;
const UINT32 = 2 ** 32 - 1;

/** OpenSSH's PACKET_MAX_SIZE (packet.c): what is longer than a packet cannot be in one. */
const PACKET = 256 * KIB;

/** The window that a channel is opened with, in bytes: a second at 1 Mbit/s. ReceiveWindow soon knows better. */
export const RECEIVE_WINDOW = 128 * KIB;

/** OpenSSH's (channels.h, CHAN_SES_WINDOW_DEFAULT). */
const USUAL_WINDOW = 2 * KIB * KIB;

function bound(
  of: string,
  source: string,
  [least, greatest]: readonly [number, number],
  beyond: Beyond,
): Bound {
  return { of, source, least, greatest, beyond };
}

const TRANSPORT = "RFC 4253";
const LOGIN = "RFC 4252";
const CONNECTION = "RFC 4254";

/**
 * Every number, length and count of a server's, from its version line on. A string or a list has no bound of its own: it
 * lies in a packet, and one that says it is longer than what is there ends the connection, as does a message that is cut
 * short. So it is with the names in SSH_MSG_KEXINIT and with signatures. A server's part in an exchange of keys has the one
 * length of its method; with Diffie-Hellman it lies between 2 and p - 2, which exchange/ sees to. Group exchange, with its
 * sizes and primes of a server's, is never offered.
 */
export const NUMBERS = {
  versionLine: bound(
    "bytes of the version line and of those before it",
    `${TRANSPORT} 4.2`,
    [0, 8192],
    "end",
  ),
  linesBefore: bound("lines before the version line", "kex.c, SSH_MAX_PRE_BANNER_LINES", [0, 1023], "end"),
  /** The least is that of AES; the other ciphers, and what is not encrypted yet, may do with 8. All are of whole blocks. */
  packetLength: bound("packet_length", `${TRANSPORT} 6`, [16, PACKET], "end"),
  paddingLength: bound(
    "padding_length, which must leave the packet a payload",
    `${TRANSPORT} 6`,
    [0, 255],
    "end",
  ),
  inflated: bound("a payload that is inflated (zlib@openssh.com)", `${TRANSPORT} 6.2`, [0, PACKET], "end"),
  nameList: bound("bytes of a name-list of SSH_MSG_KEXINIT", `${TRANSPORT} 7.1`, [0, PACKET], "end"),
  partOfMlkem: bound("bytes of a server's part in mlkem768x25519", "FIPS 203, RFC 7748", [1120, 1120], "end"),
  partOfCurve: bound("bytes of a server's part in curve25519", "RFC 8731 3", [32, 32], "end"),
  partOfP256: bound("bytes of a server's part in ecdh-sha2-nistp256", "RFC 5656 4", [65, 65], "end"),
  partOfP384: bound("bytes of a server's part in ecdh-sha2-nistp384", "RFC 5656 4", [97, 97], "end"),
  partOfP521: bound("bytes of a server's part in ecdh-sha2-nistp521", "RFC 5656 4", [133, 133], "end"),
  partOfGroup14: bound("bytes of f in Diffie-Hellman of group 14", `${TRANSPORT} 8`, [1, 257], "end"),
  partOfGroup16: bound("bytes of f in Diffie-Hellman of group 16", `${TRANSPORT} 8`, [1, 513], "end"),
  partOfGroup18: bound("bytes of f in Diffie-Hellman of group 18", `${TRANSPORT} 8`, [1, 1025], "end"),
  reserved: bound("the number at the end of SSH_MSG_KEXINIT", `${TRANSPORT} 7.1`, [0, UINT32], "none"),
  /** Beside those that a second or 16 KiB of a server's bytes are reason enough for. */
  rekeys: bound("SSH_MSG_KEXINIT after the first", `${TRANSPORT} 9`, [0, 20], "end"),
  disconnectReason: bound("reason code of SSH_MSG_DISCONNECT", `${TRANSPORT} 11.1`, [0, UINT32], "none"),
  unimplemented: bound("sequence number of SSH_MSG_UNIMPLEMENTED", `${TRANSPORT} 11.4`, [0, UINT32], "none"),
  extensions: bound(
    "nr-extensions of SSH_MSG_EXT_INFO, which must be there",
    "RFC 8308 2.3",
    [0, PACKET],
    "end",
  ),
  prompts: bound(
    "num-prompts of SSH_MSG_USERAUTH_INFO_REQUEST, which must be there",
    "RFC 4256 3.2",
    [0, PACKET],
    "end",
  ),
  unreadLogin: bound(
    "bytes of answers that a server has not read before the login",
    LOGIN,
    [0, KIB * KIB],
    "end",
  ),
  unread: bound(
    "bytes of answers that a server has not read after it",
    CONNECTION,
    [0, 4 * KIB * KIB],
    "end",
  ),
  recipient: bound(
    "recipient channel; one that is not open is passed over",
    `${CONNECTION} 5`,
    [0, UINT32 - 1],
    "end",
  ),
  /** Nobody looks at them: that the keys are the server's own would have to be proven. */
  hostKeys: bound(
    "length of a key of hostkeys-00@openssh.com",
    "OpenSSH's PROTOCOL 2.5",
    [0, UINT32],
    "none",
  ),
  /** Nothing that a server would open has been asked for: each gets its refusal. */
  opened: bound(
    "sender, window, packet size and ports of SSH_MSG_CHANNEL_OPEN",
    `${CONNECTION} 5.1, 7.2`,
    [0, UINT32],
    "none",
  ),
  /** A port that has been opened on the server, which nobody has asked for: only that there is an answer counts. */
  answered: bound("the number in SSH_MSG_REQUEST_SUCCESS", `${CONNECTION} 4, 7.1`, [0, UINT32], "none"),
  sender: bound("sender channel", `${CONNECTION} 5.1`, [0, UINT32], "none"),
  openFailure: bound("reason code of SSH_MSG_CHANNEL_OPEN_FAILURE", `${CONNECTION} 5.1`, [0, UINT32], "none"),
  initialWindow: bound("initial window size", `${CONNECTION} 5.1`, [0, UINT32], "none"),
  /** Small servers have some hundreds; below that there is more of headers than of mail. */
  leastPacket: bound("maximum packet size", `${CONNECTION} 5.1`, [256, UINT32], "end"),
  /** What every side must take (RFC 4253 section 6.1): a longer one would hold up the other sessions. */
  mostPacket: bound("maximum packet size", `${CONNECTION} 5.1`, [0, 32 * KIB], "bound"),
  window: bound("a window after SSH_MSG_CHANNEL_WINDOW_ADJUST", `${CONNECTION} 5.2`, [0, UINT32], "end"),
  /** As OpenSSH bears it (channels.c, channel_input_data): a tenth of the window, all in all. */
  excess: bound("bytes of data beyond the window", `${CONNECTION} 5.2`, [0, USUAL_WINDOW / 10], "end"),
  dataType: bound("data_type_code of SSH_MSG_CHANNEL_EXTENDED_DATA", `${CONNECTION} 5.2`, [1, 1], "ignore"),
  exitStatus: bound(
    "exit_status, of which the lowest eight bits count",
    `${CONNECTION} 6.10`,
    [0, UINT32],
    "none",
  ),
} as const satisfies Record<string, Bound>;

/** What ssh2 is told of them: those that it looks at itself, beside what its files say. */
export const BOUNDS = {
  packet: { least: NUMBERS.leastPacket.least, greatest: NUMBERS.mostPacket.greatest },
  window: NUMBERS.window.greatest,
  excess: NUMBERS.excess.greatest,
} as const;
