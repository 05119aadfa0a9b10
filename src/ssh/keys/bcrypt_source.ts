import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);

/** The text of bcrypt-pbkdf, one file of CommonJS, for a thread to run. In a bundle it is a constant: bin/bundle.mjs. */
export const bcryptSource = readFileSync(require.resolve("bcrypt-pbkdf"), "utf8");
