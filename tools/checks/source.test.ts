import { describe, expect, test } from "bun:test";
import { parseSource } from "./source.ts";

const importsOf = (text: string) =>
  parseSource("a.ts", text).imports.map(({ specifier, line }) => `${line} ${specifier}`);
const usesOf = (text: string) => parseSource("a.ts", text).uses.map(({ name }) => name);

describe("imports", () => {
  test.each([
    ['import a from "x";', ["1 x"]],
    ['import { a, type B } from "x";', ["1 x"]],
    ['import type { A } from "x";', ["1 x"]],
    ['import type A from "x";', ["1 x"]],
    ['import * as a from "x";', ["1 x"]],
    ['import "x";', ["1 x"]],
    ['export * from "x";', ["1 x"]],
    ['export * as a from "x";', ["1 x"]],
    ['export { a } from "x";', ["1 x"]],
    ['export type { A } from "x";', ["1 x"]],
    ['import a from "x" with { type: "json" };', ["1 x"]],
    ['import a = require("x");', ["1 x"]],
    ['type A = import("x").A;', ["1 x"]],
    ['let a: typeof import("x");', ["1 x"]],
    ['const a = await import("x");', ["1 x"]],
    ["const a = await import(`x`);", ["1 x"]],
    ['const a = require("x");', ["1 x"]],
    ['const a = import.meta.require("x");', ["1 x"]],
    ['/* " */ import /* from "no" */ a\n/* ; */ from\n"x"', ["1 x"]],
    ['"use strict"; import a from "x"; import b from "y"', ["1 x", "1 y"]],
  ])("%j", (text, expected) => {
    expect(importsOf(text)).toEqual(expected);
  });

  test("what is computed is an import that nobody can follow", () => {
    expect(importsOf("await import(name)")).toEqual(["1 null"]);
    expect(importsOf("await import(`./${name}.ts`)")).toEqual(["1 null"]);
  });

  test.each([
    "const text = 'import a from \"x\"';",
    '// import a from "x"',
    '/* export * from "x" */',
    'const text = `import "x"; ${1}`;',
    "export const a = 1;",
    "export default 1;",
    'const a = /import "x"/;',
    'declare module "x" {}',
  ])("%s imports nothing", (text) => {
    expect(importsOf(text)).toEqual([]);
  });

  test("lines are counted from 1", () => {
    expect(importsOf('\n\nimport "x";\nimport "y";')).toEqual(["3 x", "4 y"]);
  });
});

describe("uses", () => {
  test.each([
    ["process.env.PORT;", ["process.env.PORT"]],
    ['process["env"]["PORT"];', ["process.env.PORT"]],
    ["process[name];", ["process", "name"]],
    ["globalThis.process.env;", ["process.env"]],
    ["const { env, argv: words } = process;", ["process.env", "process.argv"]],
    ["const now = Date.now;", ["Date.now"]],
    ["new Date();", ["new Date()"]],
    ["new Date;", ["new Date()"]],
    ["Date();", ["Date()"]],
    ["new Date(0);", ["Date"]],
    ["(globalThis).fetch('x');", ["fetch"]],
    ["process?.env?.PORT;", ["process.env.PORT"]],
    ["call(setTimeout);", ["call", "setTimeout"]],
    ["({ fetch });", ["fetch"]],
    ["const a = fetch as never;", ["fetch"]],
    ["process.env!.PORT;", ["process.env"]],
  ])("%s", (text, expected) => {
    expect(usesOf(text)).toEqual(expected);
  });

  test.each([
    "interface A { fetch(a: string): void; process: string }",
    "let a: typeof fetch;",
    "let a: Date; type B = (process: string) => void;",
    "const a = { process: 1, Date: 2 };",
    "class A { fetch() {} process = 1; }",
    'const text = "process.env"; // process.env',
    "function a(fetch: (url: string) => void, { process } = {}) { fetch(process); }",
    'import { performance } from "./clock.ts"; performance.now();',
    "try {} catch (process) { process; }",
    "fetch: for (;;) break fetch;",
  ])("%s uses no global that is ours to know", (text) => {
    const globals = ["process", "fetch", "performance", "Date", "setTimeout"];
    expect(usesOf(text).filter((name) => globals.includes(name.split(".")[0] ?? ""))).toEqual([]);
  });

  test("what bun:test gives is seen", () => {
    const text = 'import { test, describe as d } from "bun:test"; test.only.each([]); d.skip("x");';
    expect(usesOf(text)).toEqual(["test.only.each", "d.skip"]);
  });
});

test("a file that does not parse says so", () => {
  expect(parseSource("a.ts", "const = ;").syntaxErrors).not.toEqual([]);
  expect(parseSource("a.tsx", "const a = <b>text</b>;").syntaxErrors).toEqual([]);
});

test("lines of a file are those that an editor shows", () => {
  expect(parseSource("a.ts", "a;\nb;\n").lineCount).toBe(2);
  expect(parseSource("a.ts", "a;\nb;").lineCount).toBe(2);
});
