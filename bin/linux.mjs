import { keepBundleThroughStrip } from "./elf.mjs";
import { askProcessorFirst } from "./processor.mjs";

/** What is done to an executable for Linux once Bun has made it, in place. Throws when it is not laid out as is known. */
export function finishForLinux(file) {
  keepBundleThroughStrip(file);
  askProcessorFirst(file);
}
