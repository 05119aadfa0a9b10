// Run by Bun, from build.mjs: makes both forms out of bin/preauth.ts. As CommonJS: a module that is import()ed is then
// evaluated, with all that it requires, only when it is asked for.

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

const common = { format: "cjs", plugins: [absentAddons], throw: true };

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

// Another program built the same way, for a test to compare with: bundle.mjs ENTRY OUTFILE.
const [entry, outfile] = process.argv.slice(2);
if (entry !== undefined) {
  await Bun.build({ ...executable, entrypoints: [entry], compile: { outfile, ...safe } });
} else {
  await Bun.build({
    ...common,
    entrypoints: ["bin/preauth.ts"],
    target: "node",
    outdir: "dist",
    banner: "#!/usr/bin/env node",
  });

  await Bun.build({
    ...executable,
    // Two bundles, so that a refusal does not read in what it does not need: 0.71 instead of 0.83 of the time that the
    // Perl script takes. The second stands beside the first under the name it is import()ed by.
    entrypoints: ["bin/preauth.ts", "src/cli/beyond.ts"],
    root: "src/cli",
    external: ["*/beyond.js"],
    compile: { outfile: "dist/preauth", ...safe },
  });
}
