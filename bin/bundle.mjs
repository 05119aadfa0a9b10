import { rmSync } from "node:fs";

// Run by Bun, from build.mjs: makes both forms out of bin/preauth.ts. As CommonJS: a module that is import()ed is then
// evaluated, with all that it requires, only when it is asked for. And a module of Node's is to be imported by names: its
// default import becomes a copy of all that it exports, a third of a millisecond in node:fs.

/**
 * ssh2 tries to require native addons, and does without. Left out of the bundle they would be looked for when the
 * program runs, and by the executable in the directory that it is started in: whatever lies there would be run.
 */
const absentAddons = {
  name: "absent addons",
  setup(build) {
    build.onResolve({ filter: /^cpu-features$|\.node$/ }, ({ path }) => ({ path, namespace: "absent" }));
    build.onLoad({ filter: /.*/, namespace: "absent" }, ({ path }) => ({
      contents: `throw new Error(${JSON.stringify(`${path} is not part of this program`)});`,
      loader: "js",
    }));
  },
};

/** The program is one file, with no packages beside it. */
const librariesAsText = {
  name: "libraries as text",
  setup(build) {
    build.onLoad({ filter: /\/bcrypt_source\.ts$/ }, async () => {
      const text = await Bun.file("node_modules/bcrypt-pbkdf/index.js").text();
      return { contents: `export const bcryptSource = ${JSON.stringify(text)};`, loader: "js" };
    });
  },
};

const common = {
  format: "cjs",
  plugins: [absentAddons, librariesAsText],
  throw: true,
  // Two files of ssh2's ask where they are, to find its native addon. What they were told would be the builder's path.
  define: { __dirname: '"/"', __filename: '"/preauth"' },
};

/** How an executable is built. */
const executable = {
  ...common,
  target: "bun",
  bytecode: true,
  minify: true,
};

/** An executable of Bun's runs what .env and bunfig.toml of the directory it is started in tell it to, unless: */
const safe = {
  autoloadDotenv: false,
  autoloadBunfig: false,
  autoloadTsconfig: false,
  autoloadPackageJson: false,
};

/**
 * The form for Node is one file that is made to be copied anywhere. Below a package.json of "type": "module" Node takes it
 * for an ES module, which lacks what CommonJS has: then it makes its own.
 */
const anywhere = `#!/usr/bin/env node
var require = typeof require === "function" ? require : process.getBuiltinModule("node:module").createRequire(process.argv[1]);
var module = typeof module === "object" ? module : { exports: {} };
var exports = module.exports;`;

const [what, ...words] = process.argv.slice(2);
if (what === undefined) {
  await Bun.build({
    ...common,
    entrypoints: ["bin/preauth.ts"],
    target: "node",
    outdir: "dist",
    banner: anywhere,
  });
  await buildExecutable({ outfile: "dist/preauth" });
} else if (what === "--foreign") {
  // The executable for another system, out of that system's own runtime: bundle.mjs --foreign RUNTIME TARGET OUTFILE.
  const [executablePath, target, outfile] = words;
  await buildExecutable({ outfile, target, executablePath });
} else {
  // Another program built the same way, for a test to compare with: bundle.mjs ENTRY OUTFILE.
  const [outfile] = words;
  await Bun.build({ ...executable, entrypoints: [what], compile: { outfile, ...safe } });
}

/**
 * Several bundles, so that a refusal reads in no more than it needs: the others stand beside the first under the names
 * they are import()ed by. They are made first: in one build with them every module of the first one would be wrapped in
 * a function as well, since some of theirs are import()ed, and a refusal would take 0.7 instead of 0.55 of the time
 * that the Perl script takes.
 */
async function buildExecutable(compile) {
  const parts = "dist/parts";
  try {
    await Bun.build({
      ...common,
      target: "node",
      minify: true,
      entrypoints: ["src/call/second_bundle.ts", "src/cli/run_verb.ts", "src/table/positions.ts"],
      naming: "[name].[ext]",
      outdir: parts,
    });
    await Bun.build({
      ...executable,
      entrypoints: [
        "bin/preauth.ts",
        ...["second_bundle", "run_verb", "positions"].map((name) => `${parts}/${name}.js`),
      ],
      root: parts,
      external: ["*/second_bundle.js", "*/run_verb.js", "*/positions.js"],
      // Set back to 1 by bin/tiers.ts, once there is work that repeats.
      compile: { ...compile, jitPolicy: 8, ...safe },
    });
  } finally {
    rmSync(parts, { recursive: true, force: true });
  }
}
