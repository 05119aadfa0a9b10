import { npm } from "../../test/setup/npm.mjs";

/** Makes preauth-VERSION.tgz in `out`, as npm publishes it: dist/preauth.js and the documents (files of package.json). */
export function makeNpmPackage(out) {
  npm(["pack", "--pack-destination", out]);
}
