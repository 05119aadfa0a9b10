import { spawn } from "node:child_process";
import { once } from "node:events";
import { program } from "./programs.ts";
import { Received } from "./received.ts";
import { within } from "./waiting.ts";

/** A program that was started with sockets, as systemd starts a unit of its own (sd_listen_fds(3)). */
export interface Activated extends AsyncDisposable {
  readonly pid: number;
  readonly stderr: string;
  /** Waits for its end. */
  ended(limit?: number): Promise<number | null>;
  terminate(): void;
}

/** The port or path where each socket is to be made before the program runs: "127.0.0.1:1143", "[::1]:1143", "/run/inbox". */
const START = `
  use Socket qw(:DEFAULT inet_pton);
  use POSIX ();
  my ($mode, $places) = splice(@ARGV, 0, 2);
  my $descriptor = 3;
  for my $place (split / /, $places) {
    my $isPath = $place =~ m(^/);
    my ($host, $port) = $place =~ /^\\[?(.*?)\\]?:(\\d+)$/;
    my $family = $isPath ? AF_UNIX : $host =~ /:/ ? AF_INET6 : AF_INET;
    socket(my $socket, $family, SOCK_STREAM, 0) or die "socket: $!";
    setsockopt($socket, SOL_SOCKET, SO_REUSEADDR, 1);
    my $at = $isPath ? pack_sockaddr_un($place)
      : $family == AF_INET6 ? pack_sockaddr_in6($port, inet_pton(AF_INET6, $host))
      : pack_sockaddr_in($port, inet_aton($host));
    bind($socket, $at) && listen($socket, 128) or die "listen at $place: $!";
    chmod oct($mode), $place if $isPath;
    push @kept, $socket;
    push @numbers, fileno($socket);
  }
  # Away from where they go first: they may stand there.
  my @copies = map { POSIX::dup2($_, 40 + $_); 40 + $_ } @numbers;
  POSIX::dup2($_, $descriptor++) for @copies;
  POSIX::close($_) for @copies;
  $ENV{LISTEN_PID} = $$;
  $ENV{LISTEN_FDS} = scalar @copies;
  exec @ARGV or die "exec: $!";
`;

/** Starts a program, given as words, with a socket at each place; `mode` is that of Unix sockets. */
export function startActivated(
  words: readonly string[],
  places: readonly string[],
  env: Environment,
  mode = "0600",
): Activated {
  return started(program("perl"), ["-e", START, mode, places.join(" "), ...words], env);
}

/**
 * The same by systemd's own program for it, which gives the sockets names, and starts when somebody connects; `accept` has
 * it start the program for each connection, which it is given in place of the socket.
 */
export function startBySystemd(
  words: readonly string[],
  places: readonly string[],
  env: Environment,
  { accept } = { accept: false },
): Activated {
  const names = places.map((_, index) => `socket-${index}`).join(":");
  const own = [
    ...places.flatMap((place) => ["-l", place]),
    accept ? "--accept" : `--fdname=${names}`,
    // It passes nothing else on.
    ...Object.entries(env).flatMap(([name, value]) => ["-E", `${name}=${value}`]),
  ];
  return started(program("systemd-socket-activate"), [...own, ...words], env);
}

type Environment = Readonly<Record<string, string>>;

function started(first: string, words: readonly string[], env: Environment): Activated {
  const child = spawn(first, words, { env: { ...env }, stdio: ["ignore", "ignore", "pipe"], cwd: "/" });
  const stderr = new Received(child.stderr, "the activated program's stderr");
  // Not "exit": what it has said last may still have to be read then.
  const exit = once(child, "close");
  return {
    pid: child.pid ?? 0,
    get stderr() {
      return stderr.text;
    },
    ended: async (limit) => {
      await within(exit, "the end of the activated program", () => stderr.text, limit);
      return child.exitCode;
    },
    terminate: () => void child.kill("SIGTERM"),
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await exit;
    },
  };
}
