import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { program } from "./programs.ts";
import { Received } from "./received.ts";

/** A port whose connections neither succeed nor fail, as behind a firewall that drops packets. */
export interface Unanswering extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
}

/** A listener that accepts nothing and whose queue holds one connection (listen(2) with a backlog of 0). */
const LISTENER = `
  use Socket;
  my $s;
  socket($s, AF_INET, SOCK_STREAM, 0) and bind($s, sockaddr_in(0, INADDR_LOOPBACK)) and listen($s, 0) or die;
  $| = 1;
  print "port ", (sockaddr_in(getsockname($s)))[0], "\\n";
  <STDIN>;
`;

/** Starts a listener with a full queue: Linux then drops what comes (tcp(7)), so that connect() hangs. */
export async function startUnanswering(): Promise<Unanswering> {
  const child = spawn(program("perl"), ["-e", LISTENER], { stdio: ["pipe", "pipe", "inherit"] });
  const [, port] = await new Received(child.stdout, "the listener").until(/port (\d+)\n/);
  const address = { host: "127.0.0.1", port: Number(port) };
  const fillers = [connect(address), connect(address), connect(address)];
  for (const filler of fillers) filler.on("error", () => {});
  await Promise.any(fillers.map((filler) => once(filler, "connect")));
  return {
    ...address,
    [Symbol.asyncDispose]: async () => {
      for (const filler of fillers) filler.destroy();
      child.kill("SIGKILL");
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    },
  };
}
