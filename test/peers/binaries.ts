import { describe } from "node:test";
import { fileURLToPath } from "node:url";

/** One of the two forms in which the program is built. */
export interface Form {
  readonly name: "executable" | "node";
  /** The words that start it; those of the call come after. */
  readonly argv: readonly string[];
}

function built(name: string): string {
  return fileURLToPath(new URL(`../../dist/${name}`, import.meta.url));
}

/** Node for the second form: PREAUTH_NODE (the matrix sets it), or the one that runs the test. */
const node = process.env.PREAUTH_NODE ?? process.execPath;

const all: readonly Form[] = [
  { name: "executable", argv: [built("preauth")] },
  { name: "node", argv: [node, built("preauth.js")] },
];

/** Both built forms, or the one that PREAUTH_FORM names. */
export const forms: readonly Form[] = all.filter(
  (form) => (process.env.PREAUTH_FORM ?? form.name) === form.name,
);

if (forms.length === 0) throw new Error('PREAUTH_FORM is neither "executable" nor "node"');

/** How a suite is run. */
export interface SuiteOptions {
  /** How many of its tests run at once; default 1. For tests that wait more than they work. */
  readonly concurrency?: number;
  /** Whether both forms have their turn at once: for tests that do nothing but wait. */
  readonly together?: boolean;
}

type Suite = (form: Form) => void;

/** The same suite for each form, with options in front of it as node:test has them. */
export function describeForms(
  title: string,
  ...rest: [suite: Suite] | [options: SuiteOptions, suite: Suite]
): void {
  const [options, suite] = rest.length === 2 ? rest : [{}, rest[0]];
  const each = (): void => {
    for (const form of forms) describe(`${title} (${form.name})`, options, () => suite(form));
  };
  if (options.together) describe(title, { concurrency: forms.length }, each);
  else each();
}
