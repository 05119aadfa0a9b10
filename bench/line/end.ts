/*
 * A port on loopback that gives so many bytes to who connects (download BYTES), or takes what comes (upload BYTES). It tells its
 * parent the port, then the bytes that were carried, and ends with it.
 */
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { Readable } from "node:stream";

const [way, total = "0"] = process.argv.slice(2);
const piece = Buffer.alloc(256 * 1024);

function give(socket: Socket): void {
  let left = Number(total);
  const bytes = new Readable({
    read: () => {
      const part = piece.subarray(0, left);
      left -= part.length;
      bytes.push(part.length > 0 ? part : null);
    },
  });
  socket.on("error", () => bytes.destroy());
  socket.on("finish", () => process.send?.(socket.bytesWritten));
  bytes.pipe(socket);
}

function take(socket: Socket): void {
  socket.resume();
  socket.on("error", () => socket.destroy());
  socket.on("end", () => process.send?.(socket.bytesRead));
}

const server = createServer(way === "download" ? give : take);
process.on("disconnect", () => process.exit());
// Ctrl-C is the parent's to answer.
process.on("SIGINT", () => {});
server.listen(0, "127.0.0.1");
await once(server, "listening");
process.send?.((server.address() as AddressInfo).port);
