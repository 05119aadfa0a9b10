/* A port on loopback that gives so many bytes to each who connects; it tells the port, and ends with its parent. */
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { Readable } from "node:stream";

const [total = 0] = process.argv.slice(2).map(Number);
const piece = Buffer.alloc(256 * 1024);

const server = createServer((socket) => {
  let left = total;
  const bytes = new Readable({
    read: () => {
      const part = piece.subarray(0, left);
      left -= part.length;
      bytes.push(part.length > 0 ? part : null);
    },
  });
  socket.on("error", () => bytes.destroy());
  bytes.pipe(socket);
});
process.on("disconnect", () => process.exit());
// Ctrl-C is the parent's to answer.
process.on("SIGINT", () => {});
server.listen(0, "127.0.0.1");
await once(server, "listening");
process.send?.((server.address() as AddressInfo).port);
