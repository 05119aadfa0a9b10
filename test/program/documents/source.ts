import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path/posix";
import { fileURLToPath } from "node:url";
import { parseSync } from "oxc-parser";

/** A node of a syntax tree, as ESTree and typescript-eslint name them. */
export interface Node {
  readonly type: string;
  readonly [key: string]: unknown;
}

/** What a name stands for: expressions that it may have as its value. */
export type Binding =
  | { readonly kind: "values"; readonly values: readonly Node[] }
  /** A word taken out of an object: `{ what }`. */
  | { readonly kind: "field"; readonly name: string }
  | {
      readonly kind: "parameter";
      readonly of: Node;
      readonly index: number;
      readonly usual: Node | undefined;
    }
  | { readonly kind: "function"; readonly node: Node };

const FUNCTIONS = new Set(["FunctionDeclaration", "FunctionExpression", "ArrowFunctionExpression"]);

export function isFunction(node: Node): boolean {
  return FUNCTIONS.has(node.type);
}

export function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "type" in value;
}

/** The name of an identifier, private or not, or of a key; undefined for anything else. */
export function nameOf(node: unknown): string | undefined {
  if (!isNode(node)) return undefined;
  if (node.type === "PrivateIdentifier") return `#${node.name}`;
  if (node.type === "Identifier") return String(node.name);
  return node.type === "Literal" && typeof node.value === "string" ? node.value : undefined;
}

/** The name that is called: of a function, or of a method. */
export function calledName(callee: Node): string | undefined {
  return nameOf(callee.type === "MemberExpression" ? callee.property : callee);
}

function add(to: Map<string, Node[]>, name: string | undefined, node: unknown): void {
  if (name === undefined || !isNode(node)) return;
  const all = to.get(name);
  if (all === undefined) to.set(name, [node]);
  else all.push(node);
}

/** All nodes below one, itself first. */
export function* below(node: Node): Generator<Node> {
  yield node;
  for (const [key, value] of Object.entries(node)) {
    if (key === "parent") continue;
    for (const child of Array.isArray(value) ? value : [value]) if (isNode(child)) yield* below(child);
  }
}

/** The program's source as syntax trees, in which names lead to what they stand for. */
export class Source {
  readonly nodes: readonly Node[];
  readonly #programs = new Map<string, Node>();
  readonly #files = new Map<Node, string>();
  readonly #parents = new Map<Node, Node>();
  readonly #scopes = new Map<Node, Map<string, Binding[]>>();
  /** By the file and the name of an import: the file that it comes from. */
  readonly #imports = new Map<string, string>();
  readonly #calls = new Map<string, Node[]>();
  readonly #fields = new Map<string, Node[]>();

  constructor() {
    const folder = fileURLToPath(new URL("../../../src", import.meta.url));
    for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
      if (!name.endsWith(".ts")) continue;
      const { program } = parseSync(name, readFileSync(join(folder, name), "utf8"));
      this.#programs.set(name, program as unknown as Node);
    }
    const all: Node[] = [];
    for (const [file, program] of this.#programs) {
      for (const node of below(program)) {
        all.push(node);
        this.#files.set(node, file);
        for (const value of Object.values(node)) {
          for (const child of Array.isArray(value) ? value : [value])
            if (isNode(child)) this.#parents.set(child, node);
        }
      }
    }
    this.nodes = all;
    for (const node of all) {
      this.#declare(node);
      const callee = node.callee as Node | undefined;
      if (callee !== undefined) add(this.#calls, calledName(callee), node);
      if (/^(Property|PropertyDefinition|MethodDefinition)$/.test(node.type))
        add(this.#fields, nameOf(node.key), node.value);
      const left = node.left as Node | undefined;
      const isSet = node.type === "AssignmentExpression" && left?.type === "MemberExpression";
      if (isSet) add(this.#fields, nameOf(left?.property), node.right);
    }
  }

  /** The calls of whatever has a name, also as a method; and what is made with `new`. */
  callsOf(name: string): readonly Node[] {
    return this.#calls.get(name) ?? [];
  }

  /** What any object or class has under a name: values, methods, and what is assigned to it. */
  fieldsOf(name: string): readonly Node[] {
    return this.#fields.get(name) ?? [];
  }

  fileOf(node: Node): string {
    return this.#files.get(node) ?? "";
  }

  parentOf(node: Node): Node | undefined {
    return this.#parents.get(node);
  }

  /** The function that a node stands in; undefined in none. */
  functionAround(node: Node): Node | undefined {
    let around = this.#parents.get(node);
    while (around !== undefined && !isFunction(around)) around = this.#parents.get(around);
    return around;
  }

  /** What a name stands for where it is used. */
  bindingsOf(name: string, where: Node): readonly Binding[] {
    for (let scope: Node | undefined = where; scope !== undefined; scope = this.#parents.get(scope)) {
      const found = this.#scopes.get(scope)?.get(name);
      if (found !== undefined) return found;
    }
    const from = this.#imports.get(`${this.fileOf(where)} ${name}`);
    const program = from === undefined ? undefined : this.#programs.get(from);
    return program === undefined ? [] : (this.#scopes.get(program)?.get(name) ?? []);
  }

  /** The scope that a declaration belongs to: the next function around it, or the module. */
  #scopeOf(node: Node): Node {
    let scope = node;
    for (let next = this.#parents.get(scope); next !== undefined; next = this.#parents.get(scope)) {
      scope = next;
      if (isFunction(scope)) break;
    }
    return scope;
  }

  #bind(scope: Node, name: string, binding: Binding): void {
    const names = this.#scopes.get(scope) ?? new Map<string, Binding[]>();
    this.#scopes.set(scope, names);
    names.set(name, [...(names.get(name) ?? []), binding]);
  }

  #declare(node: Node): void {
    if (node.type === "ImportDeclaration") {
      const from = join(dirname(this.fileOf(node)), String((node.source as Node).value));
      for (const one of node.specifiers as readonly Node[]) {
        this.#imports.set(`${this.fileOf(node)} ${nameOf(one.local)}`, from);
      }
    } else if (node.type === "VariableDeclarator") {
      const loop = this.#parents.get(this.#parents.get(node) ?? node);
      const init = loop?.type === "ForOfStatement" ? loop.right : node.init;
      if (isNode(init)) this.#declarePattern(this.#scopeOf(node), node.id as Node, [init]);
    } else if (node.type === "AssignmentExpression" && (node.left as Node).type === "Identifier") {
      this.#bind(this.#scopeOf(node), nameOf(node.left) ?? "", {
        kind: "values",
        values: [node.right as Node],
      });
    }
    if (!isFunction(node)) return;
    const name = nameOf(node.id);
    if (name !== undefined) this.#bind(this.#scopeOf(node), name, { kind: "function", node });
    for (const [index, given] of (node.params as readonly Node[]).entries()) {
      const usual = given.type === "AssignmentPattern" ? (given.right as Node) : undefined;
      const plain = (usual === undefined ? given : given.left) as Node;
      const parameter = nameOf(plain.type === "TSParameterProperty" ? plain.parameter : plain);
      if (parameter === undefined) this.#declarePattern(node, plain, []);
      else this.#bind(node, parameter, { kind: "parameter", of: node, index, usual });
    }
  }

  #declarePattern(scope: Node, pattern: Node, values: readonly Node[]): void {
    const name = nameOf(pattern);
    if (name !== undefined) this.#bind(scope, name, { kind: "values", values });
    else if (pattern.type === "AssignmentPattern")
      this.#declarePattern(scope, pattern.left as Node, [...values, pattern.right as Node]);
    else if (pattern.type === "ArrayPattern") {
      for (const item of pattern.elements as readonly unknown[])
        if (isNode(item)) this.#declarePattern(scope, item, values);
    } else if (pattern.type === "ObjectPattern") {
      for (const property of pattern.properties as readonly Node[]) {
        const [key, local] = [nameOf(property.key), nameOf(property.value)];
        if (key !== undefined && local !== undefined) this.#bind(scope, local, { kind: "field", name: key });
      }
    }
  }
}
