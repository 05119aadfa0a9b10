import { type Binding, below, calledName, isFunction, isNode, type Node, nameOf, Source } from "./source.ts";

/** Stands in a message for what is filled in. */
export const HOLE = "…";

/** What changes a text or a list of texts, and keeps its words. */
const PASSING =
  /^(map|flatMap|filter|find|findLast|join|slice|at|concat|replace|replaceAll|trim|trimEnd|toReversed|values|unshift|push)$/;

/** Words of an object that hold parts of messages. */
const FIELDS = /^#?(what|why|how|hint|hints|message|failed|doing|objection)$/;

/** Functions whose value is a command line, a name or a number: no words of a message. */
const DATA =
  /^(typed|quoted|shown|printing|accepting|escapeControls|endpointText|placeText|fingerprint|formOf)$/;

/** What an expression may come to, or is put together from: both ways of a condition, the items of a list. */
function partsOf(node: Node): readonly Node[] {
  switch (node.type) {
    case "NewExpression":
    case "ArrayExpression":
    case "ObjectExpression":
      return ((node.arguments ?? node.elements ?? node.properties) as readonly unknown[]).filter(isNode);
    case "ConditionalExpression":
    case "LogicalExpression":
      return [node.consequent, node.alternate, node.left, node.right].filter(isNode);
    default:
      return [node.expression, node.argument].filter(isNode);
  }
}

/**
 * The texts that a Failure may carry in `what` and `hints`, found by following each construction in the source back to
 * the strings that go into it. A text that is filled in has HOLE in each such place; what is filled in is a text of its
 * own. More than there is may be found, never less, but for what comes from outside.
 */
export class Messages {
  readonly #source = new Source();
  readonly #seen = new Set<Node>();
  readonly #texts = new Map<string, string>();
  readonly #failures = this.#failureClasses();

  /** Each text, with the file that it stands in. */
  all(): ReadonlyMap<string, string> {
    for (const node of this.#source.nodes) {
      const words = this.#constructed(node);
      if (words === undefined) continue;
      if (words[2] !== undefined) this.#follow(words[2]);
      if (words[3] !== undefined) this.#hints(words[3]);
    }
    return this.#texts;
  }

  /** The words that Failure's own constructor is given, directly or by a class that extends it. */
  #constructed(node: Node): readonly Node[] | undefined {
    const words = node.arguments as readonly Node[];
    if (node.type === "NewExpression") {
      const name = nameOf(node.callee) ?? "";
      return name === "Kind" || this.#failures.get(name) === false ? words : undefined;
    }
    if (node.type !== "CallExpression" || (node.callee as Node).type !== "Super") return undefined;
    return this.#failures.has(this.#classOf(node)) ? words : undefined;
  }

  /** Failure and the classes that extend it, and whether each has a constructor of its own. */
  #failureClasses(): ReadonlyMap<string, boolean> {
    const found = new Map<string, boolean>([["Failure", false]]);
    for (let size = 0; size < found.size; ) {
      size = found.size;
      for (const node of this.#source.nodes) {
        if (node.type !== "ClassDeclaration" || !found.has(nameOf(node.superClass) ?? "")) continue;
        const members = (node.body as Node).body as readonly Node[];
        found.set(
          nameOf(node.id) ?? "",
          members.some((one) => one.kind === "constructor"),
        );
      }
    }
    return found;
  }

  #classOf(node: Node): string {
    for (let one: Node | undefined = node; one !== undefined; one = this.#source.parentOf(one)) {
      if (one.type === "ClassDeclaration") return nameOf(one.id) ?? "";
    }
    return "";
  }

  /** The `hints` of a FailureDetail. */
  #hints(node: Node): void {
    if (node.type === "ObjectExpression") {
      for (const property of node.properties as readonly Node[]) {
        if (nameOf(property.key) === "hints") this.#follow(property.value as Node);
      }
    } else if (node.type === "Identifier") {
      for (const one of this.#source.bindingsOf(String(node.name), node)) {
        for (const value of this.#valuesOf(one)) this.#hints(value);
      }
    }
  }

  /** Takes the texts that an expression may have as its value, or as a part of it. */
  #follow(node: Node): void {
    if (this.#seen.has(node)) return;
    this.#seen.add(node);
    switch (node.type) {
      case "Literal":
      case "TemplateLiteral":
      case "BinaryExpression":
        this.#take(node);
        break;
      case "Identifier":
        for (const one of this.#source.bindingsOf(String(node.name), node)) this.#followBinding(one);
        for (const word of this.#added(node)) this.#follow(word);
        break;
      case "CallExpression":
        this.#followCall(node);
        break;
      case "MemberExpression":
        this.#followMember(node);
        break;
      case "Property":
        this.#follow(node.value as Node);
        break;
      default:
        if (isFunction(node)) this.#followReturns(node);
        else for (const one of partsOf(node)) this.#follow(one);
    }
  }

  /** A text as it is written, joined by `+` or filled in. */
  #take(node: Node): void {
    const text = this.#textOf(node)
      .replaceAll(/…(?:…)+/g, HOLE)
      .trim();
    if (/\p{L}{2}\S* (?:.* )?\S*\p{L}/u.test(text)) this.#texts.set(text, this.#source.fileOf(node));
  }

  #textOf(node: Node): string {
    if (node.type === "Literal") return typeof node.value === "string" ? node.value : "";
    if (node.type === "BinaryExpression" && node.operator === "+")
      return this.#textOf(node.left as Node) + this.#textOf(node.right as Node);
    if (node.type !== "TemplateLiteral") {
      this.#follow(node);
      return HOLE;
    }
    const holes = node.expressions as readonly Node[];
    for (const hole of holes) this.#follow(hole);
    return (node.quasis as readonly Node[])
      .map(({ value }) => String((value as { cooked?: string }).cooked))
      .join(HOLE);
  }

  /** What is added to a list that has a name, in the same function. */
  #added(list: Node): readonly Node[] {
    const scope = this.#source.functionAround(list);
    return ["push", "unshift"]
      .flatMap((name) => this.#source.callsOf(name))
      .flatMap((node) => {
        const isIt = nameOf((node.callee as Node).object) === nameOf(list);
        return isIt && this.#source.functionAround(node) === scope ? (node.arguments as readonly Node[]) : [];
      });
  }

  #followBinding(binding: Binding): void {
    if (binding.kind === "field") this.#followField(binding.name, undefined);
    else for (const value of this.#valuesOf(binding)) this.#follow(value);
  }

  #valuesOf(binding: Binding): readonly Node[] {
    if (binding.kind === "values") return binding.values;
    if (binding.kind === "function") return [binding.node];
    if (binding.kind === "field") return [];
    return [
      ...(binding.usual === undefined ? [] : [binding.usual]),
      ...this.#given(binding.of, binding.index),
    ];
  }

  #followCall(node: Node): void {
    const callee = node.callee as Node;
    const name = calledName(callee) ?? "";
    if (DATA.test(name)) return;
    if (callee.type === "Identifier") this.#follow(callee);
    if (callee.type !== "MemberExpression") return;
    if (PASSING.test(name)) {
      this.#follow(callee.object as Node);
      for (const word of node.arguments as readonly Node[]) this.#follow(word);
      return;
    }
    for (const method of this.#methods(name, node)) this.#follow(method);
  }

  /** The functions that a method's name may stand for; a private one's stands in the same file. */
  #methods(name: string, where: Node): readonly Node[] {
    return this.#source.fieldsOf(name).filter((one) => isFunction(one) && this.#isSeen(name, one, where));
  }

  /** Whether a name is seen from a place: a private one only in its file. */
  #isSeen(name: string, one: Node, where: Node | undefined): boolean {
    const isElsewhere = where !== undefined && this.#source.fileOf(one) !== this.#source.fileOf(where);
    return !(name.startsWith("#") && isElsewhere);
  }

  #followMember(node: Node): void {
    const { object, property, computed } = node as { object?: Node; property?: Node; computed?: boolean };
    const name = computed === true ? undefined : nameOf(property);
    const tables = object === undefined ? [] : this.#tables(object);
    for (const table of tables) {
      for (const one of table.properties as readonly Node[])
        if (name === undefined || nameOf(one.key) === name) this.#follow(one);
    }
    if (tables.length === 0 && name === undefined && object !== undefined) this.#follow(object);
    if (tables.length === 0 && name !== undefined) this.#followField(name, node);
  }

  /** The objects that a name stands for, where it is a constant of the module. */
  #tables(object: Node): readonly Node[] {
    if (object.type === "ObjectExpression") return [object];
    if (isNode(object.expression)) return this.#tables(object.expression);
    if (object.type !== "Identifier") return [];
    const values = this.#source.bindingsOf(String(object.name), object).flatMap((one) => {
      return one.kind === "values" ? one.values : [];
    });
    return values.flatMap((value) => (value.type === "Identifier" ? [] : this.#tables(value)));
  }

  /** All that any object, class or error of the source has under the name of a field. */
  #followField(name: string, where: Node | undefined): void {
    if (!FIELDS.test(name)) return;
    for (const value of this.#source.fieldsOf(name))
      if (this.#isSeen(name, value, where)) this.#follow(value);
    if (name !== "message") return;
    for (const node of this.#source.nodes) {
      if (this.#isError(node)) this.#follow((node.arguments as readonly Node[])[0] as Node);
    }
  }

  /** Whether a node makes an error with a message as its first word. */
  #isError(node: Node): boolean {
    if ((node.arguments as readonly Node[] | undefined)?.length === 0) return false;
    if (node.type === "NewExpression") return /Error$/.test(nameOf(node.callee) ?? "");
    return (
      node.type === "CallExpression" &&
      (node.callee as Node).type === "Super" &&
      !this.#failures.has(this.#classOf(node))
    );
  }

  #followReturns(fn: Node): void {
    const body = fn.body as Node;
    if (body.type !== "BlockStatement") this.#follow(body);
    for (const node of below(body)) {
      if (node.type !== "ReturnStatement" || !isNode(node.argument)) continue;
      if (this.#source.functionAround(node) === fn) this.#follow(node.argument);
    }
  }

  /** What a function's parameter is given where it is called. */
  #given(fn: Node, index: number): readonly Node[] {
    const parent = this.#source.parentOf(fn);
    if (parent?.type === "NewExpression") return this.#calledBack(parent, fn, index);
    if (parent?.type === "CallExpression") {
      // Called for each of a list.
      const { callee } = parent as { callee?: Node };
      return callee?.type === "MemberExpression" && index === 0 ? [callee.object as Node] : [];
    }
    const isMethod = parent?.type === "MethodDefinition";
    const isConstructor = isMethod && parent.kind === "constructor";
    const name = isConstructor ? this.#classOf(fn) : nameOf(isMethod ? parent.key : (fn.id ?? parent?.id));
    if (name === undefined) return [];
    return this.#source.callsOf(name).flatMap((node) => {
      const isOnObject = (node.callee as Node).type === "MemberExpression";
      if ((node.type === "NewExpression") !== isConstructor) return [];
      if (isOnObject !== isMethod && !isConstructor) return [];
      if (!this.#isSeen(name, node, fn)) return [];
      if (!isMethod && !this.#leadsTo(name, node, fn)) return [];
      const word = (node.arguments as readonly Node[])[index];
      return word === undefined ? [] : [word];
    });
  }

  /** What a function is given that a constructor keeps under the name of its parameter. */
  #calledBack(made: Node, fn: Node, index: number): readonly Node[] {
    const at = (made.arguments as readonly Node[]).indexOf(fn);
    const constructors = this.#source.nodes.filter((node) => {
      return node.kind === "constructor" && this.#classOf(node) === nameOf(made.callee);
    });
    return constructors.flatMap((one) => {
      const name = nameOf(((one.value as Node).params as readonly Node[])[at]);
      const calls = [name, `#${name}`].flatMap((kept) => this.#source.callsOf(kept ?? ""));
      return calls
        .filter((node) => this.#source.fileOf(node) === this.#source.fileOf(one))
        .flatMap((node) => (node.arguments as readonly Node[])[index] ?? []);
    });
  }

  /** Whether a name, where it is called, is a function's own. */
  #leadsTo(name: string, where: Node, fn: Node): boolean {
    return this.#source.bindingsOf(name, where).some((one) => {
      return one.kind === "function" ? one.node === fn : one.kind === "values" && one.values.includes(fn);
    });
  }
}
