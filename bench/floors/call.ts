/* Joins its input and output to a socket, its argument. */
import { writeSync } from "node:fs";
import { connect } from "node:net";

const master = connect(process.argv[2] ?? "");
master.on("data", (bytes) => writeSync(1, bytes));
master.once("data", () => process.stdin.on("data", (bytes) => master.write(bytes)));
master.on("close", () => process.exit());
