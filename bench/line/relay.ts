/*
 * The process behind one end of the line: passes on each datagram as the line would, after a wait in the queue before it, and
 * loses those that find the queue full. tc-tbf(8) before the tunnel would leave the queue in the sender's own socket (TCP
 * small queues), where it is in nobody's way, and tc-netem(8) is missing from many kernels. Arguments: the UDP port that it
 * listens on, and the one on loopback that it passes all on to. It is told the shape, says when it has heard, and ends with
 * its parent.
 */
import { createSocket } from "node:dgram";
import { bytesPerMs, queueOf, type Shape } from "./shapes.ts";

/** Node's timers have whole milliseconds; half of one early is as near as half of one late. */
const SLACK = 0.5;

/** Bytes of the tunnel's own in each datagram (RFC 7348 section 5). */
const HEADER = 8;

const [listen = 0, to = 0] = process.argv.slice(2).map(Number);
const socket = createSocket({ type: "udp4", recvBufferSize: 4 * 1024 * 1024 });
const queue: { readonly due: number; readonly bytes: Buffer }[] = [];
let shape: Shape = { rate: 1000, roundTrip: 0, queue: "deep" };
/** performance.now() at which the line has carried all that is in the queue. */
let free = 0;
let isWaiting = false;

function wait(ms: number): void {
  if (isWaiting) return;
  isWaiting = true;
  setTimeout(deliver, Math.max(0, ms));
}

function deliver(): void {
  isWaiting = false;
  const now = performance.now() + SLACK;
  while ((queue[0]?.due ?? Number.POSITIVE_INFINITY) <= now) {
    const { bytes } = queue.shift() ?? {};
    if (bytes !== undefined) socket.send(bytes, to, "127.0.0.1");
  }
  const [next] = queue;
  if (next !== undefined) wait(next.due - performance.now());
}

process.on("disconnect", () => process.exit());
// Ctrl-C is the parent's to answer.
process.on("SIGINT", () => {});
process.on("message", (wanted: Shape) => {
  shape = wanted;
  process.send?.("heard");
});
socket.on("message", (bytes) => {
  const now = performance.now();
  const rate = bytesPerMs(shape);
  if ((free - now) * rate > queueOf(shape)) return;
  free = Math.max(now, free) + (bytes.length - HEADER) / rate;
  queue.push({ due: free + shape.roundTrip / 2, bytes });
  wait(free + shape.roundTrip / 2 - now);
});
socket.bind(listen, () => process.send?.("ready"));
