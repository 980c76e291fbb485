import { parseSync } from "oxc-parser";

/**
 * What the rules need to know of a TypeScript file: what it imports, whatever the syntax, and which
 * globals it reaches for. Pure: text in, facts out.
 */
export interface SourceFacts {
  /** From the repository's root, with `/`. */
  readonly path: string;
  readonly lineCount: number;
  /** Types and values alike: an arrow is an arrow. */
  readonly imports: readonly ImportFact[];
  /** Globals, and what stands in `bun:test`. */
  readonly uses: readonly UseFact[];
  /** Why the file could not be read, if so. */
  readonly syntaxErrors: readonly string[];
}

export interface ImportFact {
  /** Null: computed at run time, so that nobody can tell what it imports. */
  readonly specifier: string | null;
  readonly line: number;
}

export interface UseFact {
  /** As far as it is written out: `process.env.PORT`, `fetch`; `new Date()` and `Date()` without arguments. */
  readonly name: string;
  readonly line: number;
}

interface Node {
  readonly type: string;
  readonly start: number;
  readonly [key: string]: unknown;
}

export function parseSource(path: string, text: string): SourceFacts {
  const { program, errors } = parseSync(path, text, {
    sourceType: "module",
    preserveParens: false,
  });
  const lineAt = createLineFinder(text);
  const imports: ImportFact[] = [];
  const references: UseFact[] = [];
  const declared = new Set<string>();

  walk(program as unknown as Node, undefined, "", (node, parent, key) => {
    const source = importSource(node);
    if (source !== undefined)
      imports.push({ specifier: literalText(source), line: lineAt(node.start) });
    for (const name of referenceNames(node, parent, key))
      references.push({ name, line: lineAt(node.start) });
    for (const name of declaredNames(node, parent, key)) declared.add(name);
  });
  return {
    path,
    lineCount: text.split("\n").length - (text.endsWith("\n") ? 1 : 0),
    imports,
    uses: references.filter(({ name }) => !declared.has(rootOf(name))),
    syntaxErrors: errors.map((error) => error.message),
  };
}

type Visit = (node: Node, parent: Node | undefined, key: string) => void;

function walk(node: Node, parent: Node | undefined, key: string, visit: Visit): void {
  visit(node, parent, key);
  for (const [childKey, child] of Object.entries(node)) {
    for (const one of Array.isArray(child) ? child : [child])
      if (isNode(one)) walk(one, node, childKey, visit);
  }
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "type" in value && "start" in value;
}

/** The node that says what `node` imports; undefined when it imports nothing. */
function importSource(node: Node): Node | undefined {
  switch (node.type) {
    case "ImportDeclaration":
    case "ExportAllDeclaration":
    case "ExportNamedDeclaration":
    case "ImportExpression":
    case "TSImportType":
      return isNode(node["source"]) ? node["source"] : undefined;
    case "TSExternalModuleReference":
      return isNode(node["expression"]) ? node["expression"] : undefined;
    case "CallExpression": {
      const callee = isNode(node["callee"]) ? memberChain(node["callee"]) : undefined;
      const [argument] = Array.isArray(node["arguments"]) ? node["arguments"] : [];
      const imports = callee === "require" || callee === "import.meta.require";
      return imports && isNode(argument) ? argument : undefined;
    }
    default:
      return undefined;
  }
}

function literalText(node: Node): string | null {
  if (node.type === "Literal" && typeof node["value"] === "string") return node["value"];
  if (node.type !== "TemplateLiteral" || !Array.isArray(node["quasis"])) return null;
  const [quasi, ...more] = node["quasis"] as { value?: { cooked?: string } }[];
  return more.length === 0 ? (quasi?.value?.cooked ?? null) : null;
}

/** `a.b["c"]` as `a.b.c`, `globalThis.a` as `a`; undefined where it does not begin with a name. */
function memberChain(node: Node): string | undefined {
  if (node.type === "Identifier") return String(node["name"]);
  if (node.type === "MetaProperty") return "import.meta";
  if (node.type === "ChainExpression")
    return isNode(node["expression"]) ? memberChain(node["expression"]) : undefined;
  if (node.type !== "MemberExpression" || !isNode(node["object"]) || !isNode(node["property"]))
    return undefined;
  const object = memberChain(node["object"]);
  if (object === undefined) return undefined;
  const property =
    node["computed"] === true ? literalText(node["property"]) : String(node["property"]["name"]);
  if (property === null) return object;
  return object === "globalThis" ? property : `${object}.${property}`;
}

/** What a node reaches for, if it is a reference and not part of a longer one. */
function referenceNames(node: Node, parent: Node | undefined, key: string): string[] {
  if (!["Identifier", "MemberExpression", "MetaProperty"].includes(node.type)) return [];
  if (parent === undefined || isNoReference(node, parent, key)) return [];
  if (parent.type === "MemberExpression" && key === "object") return [];
  const chain = memberChain(node);
  if (chain === undefined) return [];
  const withoutArguments = Array.isArray(parent["arguments"]) && parent["arguments"].length === 0;
  if (chain === "Date" && key === "callee" && withoutArguments)
    return [parent.type === "NewExpression" ? "new Date()" : "Date()"];
  if (parent.type === "VariableDeclarator" && key === "init" && isNode(parent["id"]))
    return pickedNames(parent["id"], chain);
  return [chain];
}

/** `const { env, argv } = process` reaches for `process.env` and `process.argv`. */
function pickedNames(pattern: Node, chain: string): string[] {
  if (pattern.type !== "ObjectPattern" || !Array.isArray(pattern["properties"])) return [chain];
  return (pattern["properties"] as Node[]).map(({ key }) =>
    isNode(key) && typeof key["name"] === "string" ? `${chain}.${key["name"]}` : chain,
  );
}

/** The global that a use begins with. */
function rootOf(use: string): string {
  return use.replace("new ", "").split(/[.(]/, 1)[0] ?? use;
}

/** Names that are declared, are keys or labels, or are types, refer to no global value. */
function isNoReference(node: Node, parent: Node, key: string): boolean {
  if (node.type !== "Identifier") return false;
  if (parent.type.startsWith("TS") && parent.type !== "TSAsExpression")
    return !["TSNonNullExpression", "TSSatisfiesExpression"].includes(parent.type);
  if (key === "key" || key === "property") return parent["computed"] !== true;
  return ["id", "label", "local", "imported", "exported", "meta", "params", "param"].includes(key);
}

const bunTest = "bun:test";

/** Names that a node binds: they hide the global of that name, for the whole file to keep it simple. */
function declaredNames(node: Node, parent: Node | undefined, key: string): string[] {
  if (node.type.startsWith("Import") && node.type.endsWith("Specifier")) {
    const source = parent?.["source"];
    if (isNode(source) && literalText(source) === bunTest) return [];
    return isNode(node["local"]) ? [String(node["local"]["name"])] : [];
  }
  // The parameters of a type bind nothing.
  const binds = ["params", "param", "id"].includes(key) && parent?.type.startsWith("TS") === false;
  return binds ? patternNames(node) : [];
}

function patternNames(node: Node): string[] {
  const inside = (value: unknown): string[] =>
    Array.isArray(value) ? value.flatMap(inside) : isNode(value) ? patternNames(value) : [];
  switch (node.type) {
    case "Identifier":
      return [String(node["name"])];
    case "ObjectPattern":
      return inside(node["properties"]);
    case "Property":
      return inside(node["value"]);
    case "ArrayPattern":
      return inside(node["elements"]);
    case "AssignmentPattern":
      return inside(node["left"]);
    case "RestElement":
      return inside(node["argument"]);
    default:
      return [];
  }
}

function createLineFinder(text: string): (offset: number) => number {
  const starts = [0];
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return (offset) => {
    let low = 0;
    let high = starts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((starts[middle] ?? 0) <= offset) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}
